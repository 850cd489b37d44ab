import { LanyardError, type Permission } from '@lanyard/api'
import type { AccessGrant, CertificateCaller } from '../caller.ts'
import { isFederated } from '../federation/gate.ts'
import type { BindeeState, BindingState, Rows, Step, Subject } from '../ports.ts'
import { hasEnded } from './ended.ts'
import { permissionsOfRole } from './roles.ts'
import { shutOutOf } from './shut-out.ts'

/** Whoever proved to be somebody: under which id, and by what bindings can know them. */
export interface Identified {
  readonly id: string
  /** When what they prove it by was issued, Unix milliseconds; null: nobody says. */
  readonly issuedAt: number | null
  readonly bindees: readonly BindeeState[]
  /** The tenant of the issuer that vouches: nothing beyond it is given by its word. Null: it vouches for all. */
  readonly within: string | null
  /** What was bound at this time (Unix ms) or before is given beyond that tenant, too. */
  readonly beyondSince?: number
}

/**
 * What somebody is given, as it is now. Throws `principal_barred`, `credential_too_old`, and `principal_unbound` for
 * whoever has nothing.
 */
export function* grantsOf(rows: Rows, identified: Identified, at: number): Step<readonly AccessGrant[]> {
  const grants = yield* grantsLeft(rows, identified, at)
  if (grants.length > 0) return grants
  // What an admin has to bind: the person seldom knows the subject that the issuer calls them by.
  const [bindee] = identified.bindees
  const known = bindee === undefined ? '' : `, known as ${bindee.kind}:${bindee.value},`
  throw new LanyardError('principal_unbound', `principal ${identified.id}${known} has no role here`)
}

function* grantsLeft(rows: Rows, identified: Identified, at: number): Step<readonly AccessGrant[]> {
  const { bindees } = identified
  const { admits, refusal } = yield* shutOutOf(rows, identified)
  const grants: AccessGrant[] = []
  for (const binding of yield* rows.bindings.of(bindees)) {
    if (!counts(binding, identified, at)) continue
    const { id: name, role, tenant, agents, expiresAt } = binding
    const permissions = yield* permissionsOfRole(rows, role, tenant)
    if (permissions.size > 0) grants.push({ binding: name, role, permissions, tenant, agents, expiresAt })
  }
  const left = grants.filter(({ tenant }) => admits(tenant))
  if (left.length === 0 && grants.length > 0) throw refusal()
  return left
}

const counts = (binding: BindingState, { within, beyondSince = NEVER }: Identified, at: number) =>
  !hasEnded(binding, at) && (within === null || binding.tenant === within || binding.createdAt <= beyondSince)

/** Before everything. */
const NEVER = Number.NEGATIVE_INFINITY

/** All permissions that any of these holds, anywhere. */
export const permissionsIn = (grants: readonly Pick<AccessGrant, 'permissions'>[]): ReadonlySet<Permission> =>
  new Set(grants.flatMap(({ permissions }) => [...permissions]))

/**
 * What an agent is given by its SVID. Beyond its own tenant only where somebody stands behind the SVID who held that
 * themselves: the identity provider of a tenant, its machines and the secrets of its agents say what that tenant's admin
 * lets them say, and whoever opened a lineage was asked for what was bound by then. Empty for one that is given nothing.
 * Throws `principal_barred`, `credential_too_old`.
 */
export function* grantsOfAgent(
  rows: Rows,
  agent: CertificateCaller,
  id: string,
  at: number,
): Step<{ readonly grants: readonly AccessGrant[]; readonly issuedAt: number | null }> {
  const bindee = { kind: 'spiffe-id', issuer: null, value: agent.spiffeId } as const
  const subject = yield* rows.lineages.subject(agent.lineage)
  // Whoever stole an SVID renews it: what counts is when its lineage was opened.
  const issuedAt = subject?.lineage.openedAt ?? null
  const beyondSince = yield* backedSince(rows, subject)
  const identified = { id, issuedAt, bindees: [bindee], within: agent.tenant, beyondSince }
  return { grants: yield* grantsLeft(rows, identified, at), issuedAt }
}

/** When it was asked last whether whoever made an SVID possible may be the agent; never, where only its tenant was. */
function* backedSince(rows: Rows, subject: Subject | undefined): Step<number> {
  if (subject === undefined || subject.agent.provenance !== 'internal') return NEVER
  const { mintedBy, openedAt, jti } = subject.lineage
  if (isFederated(subject.lineage) || mintedBy.startsWith('agent-secret:')) return NEVER
  if (!mintedBy.startsWith('node:')) return openedAt
  const node = yield* rows.nodes.find(mintedBy.slice('node:'.length))
  const entry = yield* rows.entries.find(jti.slice(jti.indexOf('.') + 1))
  return node?.tenant === null && entry !== undefined ? Math.min(openedAt, entry.updatedAt) : NEVER
}
