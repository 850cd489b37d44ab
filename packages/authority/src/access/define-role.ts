import { LanyardError, type Permission } from '@lanyard/api'
import type { Crypto } from '@lanyard/protocol'
import { actorOf, type ManagerAct, maySee } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { RoleState, Rows, Step } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { requireAdminLeft } from './last-admin.ts'
import { isBuiltIn } from './roles.ts'
import { requireHeld } from './within.ts'

/** Roles of one tenant, or of all, at most. */
const ROLES_MAX = 200

export interface RoleInput {
  readonly role: string
  readonly tenant?: string | undefined
  readonly description?: string | undefined
  readonly permissions: readonly Permission[]
}

/**
 * Defines a role within what the caller has. It gives nothing to anybody: bindings and API keys do. Throws
 * `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `role_exists`, `role_too_wide`, `too_many_entries`.
 */
export function* createRole(rows: Rows, id: string, input: RoleInput, act: ManagerAct): Step<RoleState> {
  const tenant = input.tenant ?? act.caller.tenant
  if (tenant !== null) yield* requireTenantState(rows, tenant, act)
  yield* requireFreeName(rows, input.role, tenant)
  const { role, description = '' } = input
  const permissions = [...new Set(input.permissions)].sort()
  requireHeld(act.caller, { role, permissions, tenant, agents: null, until: act.at })
  if ((yield* rows.roles.count(tenant)) >= ROLES_MAX)
    throw new LanyardError('too_many_entries', `expected at most ${ROLES_MAX} roles`)
  const times = { createdBy: actorOf(act.caller), createdAt: act.at, updatedAt: act.at }
  const state: RoleState = { id, role, tenant, description, permissions, ...times }
  yield* rows.roles.insert(state)
  yield* rows.events.append(eventOf(act, 'role.created', { tenant }, { id, ...described(state) }))
  return state
}

// A tenant's role under the name of one for all would change what that one means there, for everyone who has it.
function* requireFreeName(rows: Rows, role: string, tenant: string | null): Step<void> {
  if (isBuiltIn(role) || (yield* rows.roles.findByName(role, tenant)) !== undefined)
    throw new LanyardError('role_exists', `there is a role ${role}`)
}

export interface RoleChange {
  readonly description?: string | undefined
  readonly permissions?: readonly Permission[] | undefined
}

/**
 * Changes a role, for everyone who has it. What it gains must be the caller's, and without an end. Throws
 * `role_unknown`, `role_too_wide`, `last_admin`.
 */
export function* updateRole(
  rows: Rows,
  id: string,
  change: RoleChange,
  crypto: Crypto,
  act: ManagerAct,
): Step<RoleState> {
  const before = yield* requireRoleState(rows, id, act)
  const permissions = change.permissions ? [...new Set(change.permissions)].sort() : before.permissions
  const after = { ...before, description: change.description ?? before.description, permissions, updatedAt: act.at }
  const gained = permissions.filter(permission => !before.permissions.includes(permission))
  // Whoever has it, has it for longer than they who give it.
  requireHeld(act.caller, { role: before.role, permissions: gained, tenant: before.tenant, agents: null, until: null })
  if (before.tenant === null) yield* requireAdminLeft(rows, { role: after }, { at: act.at, crypto })
  yield* rows.roles.update(after)
  const detail = { id, before: described(before), after: described(after) }
  yield* rows.events.append(eventOf(act, 'role.updated', { tenant: before.tenant }, detail))
  return after
}

/** Deletes a role that nobody has. Throws `role_unknown`, `role_in_use`. */
export function* deleteRole(rows: Rows, id: string, act: ManagerAct): Step<void> {
  const { role, tenant, ...rest } = yield* requireRoleState(rows, id, act)
  // Whoever still had it would have a later one of this name, or that of all tenants, which can hold anything.
  if (yield* rows.roles.isGiven(role, tenant, act.at))
    throw new LanyardError('role_in_use', `role ${role} is given to somebody`)
  yield* rows.roles.remove(id)
  yield* rows.events.append(eventOf(act, 'role.deleted', { tenant }, { id, ...described({ role, tenant, ...rest }) }))
}

function* requireRoleState(rows: Rows, id: string, act: ManagerAct): Step<RoleState> {
  const state = yield* rows.roles.find(id)
  if (state === undefined || !maySee(act.caller, state.tenant))
    throw new LanyardError('role_unknown', 'there is no such role')
  return state
}

const described = ({ role, description, permissions }: RoleState) => ({ role, description, permissions })
