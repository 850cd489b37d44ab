import { LanyardError, type Permission } from '@lanyard/api'
import type { AccessGrant, CertificateCaller } from '../caller.ts'
import { refusedAs } from '../concern.ts'
import { isFederated } from '../federation/gate.ts'
import type { BindeeState, BindingState, Rows, Step } from '../ports.ts'
import { hasEnded } from './ended.ts'
import { permissionsOfRole } from './roles.ts'

/** Whoever proved to be somebody: under which id, and by what bindings can know them. */
export interface Identified {
  readonly id: string
  readonly bindees: readonly BindeeState[]
  /** The tenant of the issuer that vouches: nothing beyond it is given by its word. Null: it vouches for all. */
  readonly within: string | null
}

/** What somebody is given, as it is now. Throws `principal_barred`, and `principal_unbound` for whoever has nothing. */
export function* grantsOf(rows: Rows, identified: Identified, at: number): Step<readonly AccessGrant[]> {
  const grants = yield* grantsLeft(rows, identified, at)
  if (grants.length > 0) return grants
  // What an admin has to bind: the person seldom knows the subject that the issuer calls them by.
  const [bindee] = identified.bindees
  const known = bindee === undefined ? '' : `, known as ${bindee.kind}:${bindee.value},`
  throw new LanyardError('principal_unbound', `principal ${identified.id}${known} has no role here`)
}

function* grantsLeft(rows: Rows, { id, bindees, within }: Identified, at: number): Step<readonly AccessGrant[]> {
  const barred = yield* rows.barredPrincipals.scopesOf(id)
  if (barred.includes(null)) throw shutOut(id)
  const grants: AccessGrant[] = []
  for (const binding of yield* rows.bindings.of(bindees)) {
    if (!counts(binding, within, at)) continue
    const { id: name, role, tenant, agents } = binding
    const permissions = yield* permissionsOfRole(rows, role, tenant)
    if (permissions.size > 0) grants.push({ binding: name, role, permissions, tenant, agents })
  }
  const left = grants.filter(({ tenant }) => tenant === null || !barred.includes(tenant))
  if (left.length === 0 && grants.length > 0) throw shutOut(id)
  return left
}

const counts = (binding: BindingState, within: string | null, at: number) =>
  !hasEnded(binding, at) && (within === null || binding.tenant === within)

const shutOut = (id: string) =>
  refusedAs(new LanyardError('principal_barred', `principal ${id} was shut out by a kill`), {
    agent: { tenant: null, agent: null },
    actor: `principal:${id}`,
    type: 'access.refused',
  })

/** All permissions that any of these holds, anywhere. */
export const permissionsIn = (grants: readonly AccessGrant[]): ReadonlySet<Permission> =>
  new Set(grants.flatMap(({ permissions }) => [...permissions]))

/**
 * What an agent is given by its SVID. Beyond its own tenant only where an admin of all tenants stands behind the SVID: the
 * identity provider of a tenant, and the machines of a tenant, say what that tenant's admin lets them say. Empty for one
 * that is given nothing. Throws `principal_barred`.
 */
export function* grantsOfAgent(
  rows: Rows,
  agent: CertificateCaller,
  id: string,
  at: number,
): Step<readonly AccessGrant[]> {
  const bindee = { kind: 'spiffe-id', issuer: null, value: agent.spiffeId } as const
  const within = (yield* isOfTenantAlone(rows, agent)) ? agent.tenant : null
  return yield* grantsLeft(rows, { id, bindees: [bindee], within }, at)
}

function* isOfTenantAlone(rows: Rows, { lineage: id }: CertificateCaller): Step<boolean> {
  const subject = yield* rows.lineages.subject(id)
  if (subject === undefined || subject.agent.provenance !== 'internal') return true
  if (isFederated(subject.lineage)) return true
  const { mintedBy } = subject.lineage
  if (!mintedBy.startsWith('node:')) return false
  const node = yield* rows.nodes.find(mintedBy.slice('node:'.length))
  return node === undefined || node.tenant !== null
}
