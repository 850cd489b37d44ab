import {
  type BindingState,
  deleteBinding,
  exclusiveAll,
  type IssuerState,
  type PrincipalCaller,
} from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { hexOf, operator, type Program, type Site, write } from './programs.ts'

export const ISSUER: IssuerState = {
  ...{ id: hexOf(800), issuer: 'https://people.test', tenant: null, jwksUri: null, audiences: [], algorithms: [] },
  ...{ claims: { subject: 'sub', name: 'name', groups: 'groups' }, maxTokenAgeSec: 3600, introspection: null },
  ...{ introspectionSecret: null, login: null, enabled: true },
  ...{ createdBy: 'server', createdAt: 0, updatedBy: 'server', updatedAt: 0 },
}

export const BINDING: BindingState = {
  ...{ id: hexOf(801), kind: 'user', issuer: ISSUER.id, value: 'ann', role: 'issuer', tenant: 'acme', agents: null },
  ...{ createdBy: 'server', createdAt: 0, expiresAt: null },
}

const GRANTED = new Set(['agent.bootstrap'] as const)

/** A person who bootstraps agents by one role. */
export const ANN: PrincipalCaller = {
  ...{ kind: 'principal', method: 'jwt', id: hexOf(802), name: 'Ann', issuer: ISSUER.issuer, subject: BINDING.value },
  ...{ groups: [], permissions: GRANTED, tenant: 'acme', agents: null, rateLimit: null, svid: null },
  grants: [
    {
      binding: BINDING.id,
      role: BINDING.role,
      permissions: GRANTED,
      tenant: BINDING.tenant,
      agents: null,
      expiresAt: null,
    },
  ],
  ...{ issuedAt: null, expiresAt: Number.MAX_SAFE_INTEGER },
}

/** Takes the role away. */
export function* unbind(site: Site, name: string): Program<unknown> {
  const step = () => deleteBinding(site.rows, BINDING.id, nodeCrypto, operator(site.now()))
  return yield* write(site, name, exclusiveAll, step)
}
