import type { ApiKey, Handlers, Routes } from '@lanyard/api'
import {
  type ApiKeyState,
  type Caller,
  createApiKey,
  deleteApiKey,
  isoTime,
  newApiKey,
  shared,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { act, byManager, exclusiveWithin, tenantOfList, urgentAct } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createApiKey' | 'listApiKeys' | 'deleteApiKey'

export function apiKeyHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, dice, crypto } = ports
  return {
    async createApiKey(call) {
      const { name, role, tenant, agents, expires_in_sec: expiresInSec, rate_limit: rateLimit } = call.body
      const input = { name, role, tenant, agents, expiresInSec, rateLimit }
      const fresh = newApiKey(dice, crypto)
      const owner = tenant ?? call.caller.tenant
      const locks = owner === null ? shared() : shared(owner)
      const state = await act(ports, byManager(call), locks, told => createApiKey(rows, input, fresh, told))
      return { ...showApiKey(state), key: fresh.key }
    },

    async listApiKeys({ query, caller }) {
      const { limit, cursor, tenant } = query
      const filter = { tenant: await tenantOfList(ports, caller, tenant) }
      const list = { route: 'listApiKeys', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.apiKeys.list(filter, page)), showApiKey)
    },

    async deleteApiKey(call) {
      const step = (told: Parameters<typeof deleteApiKey>[3]) => deleteApiKey(rows, call.params.id, crypto, told)
      await urgentAct(ports, byManager(call), exclusiveWithin(call.caller), step)
      return undefined
    },
  }
}

const showApiKey = (state: ApiKeyState): ApiKey => ({
  id: state.id,
  name: state.name,
  role: state.role,
  tenant: state.tenant,
  agents: state.agents,
  rate_limit: state.rateLimit,
  created_by: state.createdBy,
  created_at: isoTime(state.createdAt),
  expires_at: isoTime(state.expiresAt),
})
