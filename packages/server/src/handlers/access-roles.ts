import { type AccessRole, type Handlers, permissionsOf, type Routes } from '@lanyard/api'
import {
  BUILT_IN_ROLES,
  type BuiltInRole,
  type Caller,
  createRole,
  deleteRole,
  type ManagerAct,
  type RoleState,
  updateRole,
} from '@lanyard/authority'
import { toHex } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { act, byManager, exclusiveOf, exclusiveWithin, tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createRole' | 'listRoles' | 'updateRole' | 'deleteRole'

/** Roles. Each change waits for whoever gives that role at this moment, or it would be given as it was. */
export function accessRoleHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, dice, crypto } = ports
  return {
    async createRole(call) {
      const id = toHex(dice.bytes(16))
      const locks = exclusiveOf(call.body.tenant ?? call.caller.tenant)
      return showRole(await act(ports, byManager(call), locks, told => createRole(rows, id, call.body, told)))
    },

    async listRoles({ query, caller }) {
      const { limit, cursor, tenant } = query
      const filter = { tenant: await tenantOfList(ports, caller, tenant) }
      const list = { route: 'listRoles', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      const listed = cursors.reply(list, await store.read(() => rows.roles.list(filter, page)), showRole)
      if (page.after !== null) return listed
      return { ...listed, items: [...BUILT_IN_ROLES.map(showBuiltIn), ...listed.items] }
    },

    async updateRole(call) {
      const step = (told: ManagerAct) => updateRole(rows, call.params.id, call.body, crypto, told)
      return showRole(await act(ports, byManager(call), exclusiveWithin(call.caller), step))
    },

    async deleteRole(call) {
      const step = (told: ManagerAct) => deleteRole(rows, call.params.id, told)
      await act(ports, byManager(call), exclusiveWithin(call.caller), step)
      return undefined
    },
  }
}

const showRole = ({ id, role, tenant, description, permissions }: RoleState): AccessRole => ({
  ...{ id, role, tenant, description },
  permissions: [...permissions].sort(),
})

const showBuiltIn = (role: BuiltInRole): AccessRole => ({
  ...{ id: null, role, tenant: null, description: 'built in' },
  permissions: [...permissionsOf(role)].sort(),
})
