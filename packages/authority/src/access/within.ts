import { LanyardError, type Permission } from '@lanyard/api'
import type { AccessGrant, Act, ManagerCaller } from '../caller.ts'
import { matchesPattern } from '../pattern.ts'

/** Where something holds: null stands for every tenant, and for every agent with the calls that name none. */
export interface Reach {
  readonly tenant: string | null
  readonly agents: string | null
}

/** What is to be given: permissions under a name, within a reach. */
export interface Given extends Reach {
  readonly role: string
  readonly permissions: Iterable<Permission>
}

/** The permissions that a caller has everywhere within this reach. */
export function heldWithin(caller: ManagerCaller, reach: Reach): ReadonlySet<Permission> {
  const grants = caller.kind === 'principal' ? caller.grants : [caller]
  return new Set(grants.filter(grant => covers(grant, reach)).flatMap(({ permissions }) => [...permissions]))
}

// A star of the new pattern is matched as a character, which only a star of the giver's can cover.
const covers = (grant: Pick<AccessGrant, 'tenant' | 'agents'>, { tenant, agents }: Reach) =>
  (grant.tenant === null || grant.tenant === tenant) &&
  (grant.agents === null || (agents !== null && matchesPattern(grant.agents, agents)))

/**
 * Nobody gives more than they hold, nor further than it reaches: whoever may give roles would else have them all.
 * Throws `role_too_wide`.
 */
export function requireHeld(caller: Act['caller'], given: Given): void {
  if (caller === 'server') return
  const held = caller.kind === 'api-key' || caller.kind === 'principal' ? heldWithin(caller, given) : NONE
  const missing = [...given.permissions].filter(permission => !held.has(permission))
  if (missing.length === 0) return
  const where = given.tenant === null ? 'all tenants' : `tenant ${given.tenant}`
  const whom = given.agents === null ? '' : ` for agents ${given.agents}`
  throw new LanyardError(
    'role_too_wide',
    `role ${given.role} holds ${missing.join(', ')}, which you do not in ${where}${whom}`,
  )
}

const NONE: ReadonlySet<Permission> = new Set()

/**
 * Throws `agent_not_covered` where a permission holds for some agents alone, and the act goes beyond the one that its
 * call names.
 */
export function requireEveryAgent({ caller }: Pick<Act, 'caller'>, permission: Permission): void {
  if (caller === 'server' || caller.kind !== 'principal') return
  const holding = caller.grants.filter(({ permissions }) => permissions.has(permission))
  if (holding.length === 0 || holding.some(({ agents }) => agents === null)) return
  const patterns = holding.map(({ agents }) => agents).join(' or ')
  throw new LanyardError('agent_not_covered', `expected ${permission} for every agent, got it for ${patterns}`)
}
