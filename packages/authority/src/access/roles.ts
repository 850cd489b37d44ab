import { LanyardError, type Permission, permissionsOf, ROLES } from '@lanyard/api'
import type { RoleState, Rows, Step } from '../ports.ts'

/** What agents and nodes amount to by their own credentials. Nobody is given these. */
const OWN = ['agent', 'node'] as const

export type BuiltInRole = Exclude<keyof typeof ROLES, (typeof OWN)[number]>

/** The roles that are always there, and can be given. */
export const BUILT_IN_ROLES: readonly BuiltInRole[] = ['admin', 'operator', 'auditor', 'issuer']

/** Whether a role of this name can be defined by nobody. */
export const isBuiltIn = (role: string): boolean => Object.hasOwn(ROLES, role)

const isGiven = (role: string): role is BuiltInRole => (BUILT_IN_ROLES as readonly string[]).includes(role)

const NONE: ReadonlySet<Permission> = new Set()

/**
 * What a role holds where it is given in this tenant (null: in all). One that is not there holds nothing: what was
 * given may outlive what it was given by.
 */
export function* permissionsOfRole(
  rows: Pick<Rows, 'roles'>,
  role: string,
  tenant: string | null,
): Step<ReadonlySet<Permission>> {
  if (isGiven(role)) return permissionsOf(role)
  if (isBuiltIn(role)) return NONE
  return heldBy(yield* rows.roles.findByName(role, tenant))
}

/** The same of one that must be there. Throws `role_unknown`. */
export function* requireRole(rows: Rows, role: string, tenant: string | null): Step<ReadonlySet<Permission>> {
  if (isGiven(role)) return permissionsOf(role)
  const found = isBuiltIn(role) ? undefined : yield* rows.roles.findByName(role, tenant)
  if (found === undefined) throw new LanyardError('role_unknown', `there is no role ${role} that can be given here`)
  return heldBy(found)
}

const heldBy = (role: RoleState | undefined): ReadonlySet<Permission> =>
  role === undefined ? NONE : new Set(role.permissions)
