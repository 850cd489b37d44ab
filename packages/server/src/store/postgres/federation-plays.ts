import { randomBytes } from 'node:crypto'
import {
  type AgentKey,
  createIdp,
  type ExternalTokenCaller,
  exclusive,
  freshLineage,
  type IdpState,
  openFederated,
  type Rows,
  requireStanding,
  type Store,
  shared,
} from '@lanyard/authority'
import type { Pipeline } from '../../testing/pipeline.ts'

type Parts = Pick<Pipeline, 'store' | 'rows' | 'act' | 'spiffeIdOf' | 'clock'>

const hex = (bytes: number) => randomBytes(bytes).toString('hex')
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const NONE: ExternalTokenCaller['permissions'] = new Set()

/** Lets a provider vouch in a tenant, which ends what began internally. */
export function federate(store: Store, rows: Rows, { act }: Parts, { tenant }: Pick<AgentKey, 'tenant'>) {
  const input = { id: hex(16), tenant, issuer: 'https://idp.test', audiences: ['a'], allowAgentFederation: true }
  return store.urgent(function* () {
    yield* rows.admissions.put({ tenant, onFederation: 'end', agentMtlsRequired: null, agentMtlsCa: null })
    return yield* createIdp(rows, input, act())
  }, exclusive(tenant))
}

/** Whom a token of a provider names, with the hash of another token each time. */
export const named = (idp: IdpState, agent: string, tokenHash = hex(32)): ExternalTokenCaller => ({
  ...{ kind: 'external-token', permissions: NONE, tenant: idp.tenant, agent, subject: agent, tokenHash },
  ...{ idp: idp.id, issuer: idp.issuer, tier: idp.tier, configuredAt: idp.updatedAt },
  ...{ issuedAt: Number.MAX_SAFE_INTEGER, expiresAt: Number.MAX_SAFE_INTEGER },
})

/** What a token of a provider opens, for this key thumbprint. */
export function vouchedFor(
  store: Store,
  rows: Rows,
  { spiffeIdOf, clock }: Parts,
  caller: ExternalTokenCaller,
  { jkt, isKnown }: { readonly jkt?: string | undefined; readonly isKnown: boolean },
) {
  const opening = { jkt, fresh: freshLineage(dice), maxLineageSec: 86_400, spiffeIdOf }
  const act = { caller, at: clock.now(), source: null, correlation: null }
  const locks = isKnown ? shared(caller.tenant) : exclusive(caller.tenant)
  return store.write(function* () {
    yield* requireStanding(rows, act)
    return yield* openFederated(rows, opening, act)
  }, locks)
}
