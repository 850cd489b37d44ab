import type { Handlers, Routes, Tenant } from '@lanyard/api'
import {
  type Caller,
  createTenant,
  exclusive,
  isoTime,
  requireTenantState,
  type TenantState,
  updateTenant,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { act } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createTenant' | 'listTenants' | 'getTenant' | 'updateTenant'

export function tenantHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, tenantDefaults, nodeNews } = ports
  return {
    async createTenant(call) {
      const input = { tenant: call.body.tenant, ...settingsOf(call.body) }
      return showTenant(
        await act(ports, call, exclusive(input.tenant), told => createTenant(rows, input, tenantDefaults, told)),
      )
    },

    async listTenants({ query, caller }) {
      const list = { route: 'listTenants', tenant: caller.tenant, filter: {} } as const
      const page = cursors.page(list, query)
      const only = caller.tenant ?? undefined
      return cursors.reply(list, await store.read(() => rows.tenants.list({ only }, page)), showTenant)
    },

    async getTenant({ params, caller }) {
      return showTenant(await store.read(() => requireTenantState(rows, params.tenant, { caller })))
    },

    async updateTenant(call) {
      const change = settingsOf(call.body)
      const state = await act(ports, call, exclusive(call.params.tenant), told =>
        updateTenant(rows, call.params.tenant, change, told),
      )
      nodeNews.tell()
      return showTenant(state)
    },
  }
}

type Settings = Partial<Pick<Tenant, 'key_policy' | 'renewal_grace_sec'>>

const settingsOf = ({ key_policy, renewal_grace_sec }: { [Name in keyof Settings]?: Settings[Name] | undefined }) => ({
  keyPolicy: key_policy,
  renewalGraceSec: renewal_grace_sec,
})

const showTenant = (state: TenantState): Tenant => ({
  tenant: state.tenant,
  key_policy: state.keyPolicy,
  renewal_grace_sec: state.renewalGraceSec,
  created_at: isoTime(state.createdAt),
  updated_at: isoTime(state.updatedAt),
})
