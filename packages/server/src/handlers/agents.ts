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
import { actOf } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createAgent' | 'listAgents' | 'getAgent' | 'updateAgent' | 'retireAgent' | 'reinstateAgent'

export function agentsHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, clock, spiffeIdOf } = ports
  return {
    async createAgent(call) {
      const act = actOf(call, clock)
      return showAgent(await store.write(() => createAgent(rows, call.body, spiffeIdOf, act)))
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
      const act = actOf(call, clock)
      return showAgent(await store.write(() => updateAgent(rows, call.params, call.body, act)))
    },

    async retireAgent(call) {
      const act = actOf(call, clock)
      await store.write(() => retireAgent(rows, call.params, act))
      return undefined
    },

    async reinstateAgent(call) {
      const act = actOf(call, clock)
      const reason = call.body.reason ?? null
      return showAgent(await store.write(() => reinstateAgent(rows, call.params, reason, act)))
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
