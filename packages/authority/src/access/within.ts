import { LanyardError, type Permission } from '@lanyard/api'
import type { Act, Caller, ManagerCaller } from '../caller.ts'
import { matchesPattern } from '../pattern.ts'
import { isoTime } from '../time.ts'
import { permissionsIn } from './grants.ts'

/** Where something holds: null stands for every tenant, and for every agent with the calls that name none. */
export interface Reach {
  readonly tenant: string | null
  readonly agents: string | null
}

/** What is to be given: permissions under a name, within a reach, until when (Unix ms); null: for good. */
export interface Given extends Reach {
  readonly role: string
  readonly permissions: Iterable<Permission>
  readonly until: number | null
}

/** The permissions that a caller has everywhere within this reach. */
export const heldWithin = (caller: ManagerCaller, reach: Reach): ReadonlySet<Permission> =>
  permissionsIn(coveringOf(caller, reach))

/** A grant, or an API key, with when what is given by it must have ended; null: never. */
type Held = Reach & { readonly permissions: ReadonlySet<Permission>; readonly expiresAt: number | null }

function coveringOf(caller: ManagerCaller, reach: Reach): readonly Held[] {
  if (caller.kind === 'principal') return caller.grants.filter(grant => covers(grant, reach))
  const key = { ...caller, expiresAt: caller.bounded ? caller.expiresAt : null }
  return covers(key, reach) ? [key] : []
}

// A star of the new pattern is matched as a character, which only a star of the giver's can cover.
const covers = (grant: Reach, { tenant, agents }: Reach) =>
  (grant.tenant === null || grant.tenant === tenant) &&
  (grant.agents === null || (agents !== null && matchesPattern(grant.agents, agents)))

const lasts = ({ expiresAt }: Held, until: number | null) =>
  expiresAt === null || (until !== null && until <= expiresAt)

/**
 * Nobody gives more than they hold, nor further than it reaches, nor for longer: whoever may give roles would else have
 * them all, and for good. Throws `role_too_wide`.
 */
export function requireHeld(caller: Act['caller'], given: Given): void {
  if (caller === 'server') return
  const covering = isManager(caller) ? coveringOf(caller, given) : []
  const missing = lackingIn(covering, given)
  const where = `${given.tenant === null ? 'all tenants' : `tenant ${given.tenant}`}${
    given.agents === null ? '' : ` for agents ${given.agents}`
  }`
  if (missing.length > 0)
    throw new LanyardError(
      'role_too_wide',
      `role ${given.role} holds ${missing.join(', ')}, which you do not in ${where}`,
    )
  const lasting = covering.filter(held => lasts(held, given.until))
  const ending = lackingIn(lasting, given)
  if (ending.length === 0) return
  const end = isoTime(Math.min(...ending.map(permission => lastEnd(covering, permission))))
  const asked = given.until === null ? 'one without an end' : `one until ${isoTime(given.until)}`
  const detail = `role ${given.role} holds ${ending.join(', ')}, which you do in ${where} until ${end}: expected what ends by then, got ${asked}`
  throw new LanyardError('role_too_wide', detail)
}

/** Whether a caller could give this for good. */
export const isHeldForGood = (caller: Act['caller'], given: Omit<Given, 'until'>): boolean =>
  caller === 'server' ||
  (isManager(caller) &&
    lackingIn(
      coveringOf(caller, given).filter(held => lasts(held, null)),
      given,
    ).length === 0)

const isManager = (caller: Caller): caller is ManagerCaller => caller.kind === 'api-key' || caller.kind === 'principal'

function lackingIn(grants: readonly Held[], { permissions }: Pick<Given, 'permissions'>): readonly Permission[] {
  const held = permissionsIn(grants)
  return [...permissions].filter(permission => !held.has(permission))
}

/** When the last grant of a permission ends, of those that all end. */
const lastEnd = (grants: readonly Held[], permission: Permission): number =>
  Math.max(...grants.flatMap(({ permissions, expiresAt }) => (permissions.has(permission) ? [expiresAt ?? 0] : [])))

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
