import type { Agent, Handlers, Routes } from '@lanyard/api'
import {
  type AgentState,
  type Caller,
  createAgent,
  isoTime,
  reinstateAgent,
  requireAgent,
  requireName,
  retireAgent,
  tenantScope,
  updateAgent,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { act } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createAgent' | 'listAgents' | 'getAgent' | 'updateAgent' | 'retireAgent' | 'reinstateAgent'

export function agentsHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, spiffeIdOf } = ports
  return {
    async createAgent(call) {
      return showAgent(await act(ports, call, told => createAgent(rows, call.body, spiffeIdOf, told)))
    },

    async listAgents({ query, caller }) {
      const { limit, cursor, ...asked } = query
      if (asked.tenant !== undefined) requireName('tenant', asked.tenant)
      const filter = { ...asked, tenant: tenantScope(caller, asked.tenant) }
      const list = { route: 'listAgents', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.agents.list(filter, page)), showAgent)
    },

    async getAgent({ params, caller }) {
      return showAgent(await store.read(() => requireAgent(rows, params, { caller })))
    },

    async updateAgent(call) {
      return showAgent(await act(ports, call, told => updateAgent(rows, call.params, call.body, told)))
    },

    async retireAgent(call) {
      await act(ports, call, told => retireAgent(rows, call.params, told))
      return undefined
    },

    async reinstateAgent(call) {
      const reason = call.body.reason ?? null
      return showAgent(await act(ports, call, told => reinstateAgent(rows, call.params, reason, told)))
    },
  }
}

const showAgent = (state: AgentState): Agent => ({
  tenant: state.tenant,
  agent: state.agent,
  spiffe_id: state.spiffeId,
  tier: state.tier,
  lifecycle: state.lifecycle,
  identity_provenance: state.provenance,
  owner: state.owner,
  description: state.description,
  labels: { ...state.labels },
  incarnation: state.incarnation,
  created_at: isoTime(state.createdAt),
  updated_at: isoTime(state.updatedAt),
})
