import type { CallReply } from '../client/client.ts'
import { wrapped } from '../layout.ts'

export type Identity = CallReply<'GET /v1/whoami'>

/** Who somebody is to the authority, how, with which roles, until when: rows of a card. */
export function rowsOf(who: Identity): (readonly [string, unknown])[] {
  return [
    ['you are', who.spiffe_id ?? who.name ?? who.id],
    [
      'by',
      who.method === null ? `${who.kind} ${who.id}` : `${METHODS[who.method] ?? who.method}, ${who.kind} ${who.id}`,
    ],
    ...rolesOf(who).map((role, at) => [at === 0 ? 'role' : '', role] as const),
    ...wrapped(who.permissions).map((line, at) => [at === 0 ? 'may' : '', line] as const),
    ['until', who.expires_at],
  ]
}

/** How a principal proved itself, for people. */
const METHODS: Readonly<Record<string, string>> = {
  jwt: 'token of an issuer',
  introspection: 'opaque token that its issuer confirmed',
  certificate: 'client certificate of the operators',
  svid: 'SVID',
}

function rolesOf({ grants, role, tenant }: Identity): readonly string[] {
  if (grants.length === 0) return [grantText({ role, tenant, agents: null, expires_at: null })]
  return grants.map(grantText)
}

/** `operator of tenant acme, for agents build-*, until 2026-11-21T18:00:00Z`. */
function grantText({ role, tenant, agents, expires_at: end }: Identity['grants'][number]): string {
  const where = tenant === null ? role : `${role} of tenant ${tenant}`
  const whom = agents === null ? '' : `, for agents ${agents}`
  return `${where}${whom}${end === null ? '' : `, until ${end}`}`
}
