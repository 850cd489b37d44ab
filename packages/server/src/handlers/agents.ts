import type { Agent, Handlers, Lifecycle, Routes } from '@lanyard/api'
import {
  type Act,
  type AgentState,
  type Caller,
  createAgent,
  exclusive,
  isoTime,
  redactText,
  reinstateAgent,
  requireAgent,
  retireAgent,
  updateAgent,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { seenBy } from '../policy/look-up.ts'
import { act, tenantOfList, urgentAct } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'createAgent' | 'listAgents' | 'getAgent' | 'updateAgent' | 'retireAgent' | 'reinstateAgent'

export function agentsHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, spiffeIdOf } = ports
  return {
    async createAgent(call) {
      return showAgent(
        await act(ports, call, exclusive(call.body.tenant), told => createAgent(rows, call.body, spiffeIdOf, told)),
      )
    },

    async listAgents({ query, caller, source }) {
      const { limit, cursor, ...asked } = query
      const filter = { ...asked, tenant: await tenantOfList(ports, caller, asked.tenant) }
      const list = { route: 'listAgents', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      const found = await store.read(() => rows.agents.list(filter, page))
      return cursors.reply(list, await seenBy(ports, { action: 'listAgents', caller, source }, found), showAgent)
    },

    async getAgent({ params, caller }) {
      return showAgent(await store.read(() => requireAgent(rows, params, { caller })))
    },

    async updateAgent(call) {
      const locks = exclusive(call.params.tenant)
      const step = (told: Act) => updateAgent(rows, call.params, call.body, told)
      if (!isEnd(call.body.lifecycle)) return showAgent(await act(ports, call, locks, step))
      return showAgent((await urgentAct(ports, call, locks, step)).done)
    },

    async retireAgent(call) {
      await urgentAct(ports, call, exclusive(call.params.tenant), told => retireAgent(rows, call.params, told))
      return undefined
    },

    async reinstateAgent(call) {
      const reason = call.body.reason === undefined ? null : redactText(call.body.reason)
      const step = (told: Act) => reinstateAgent(rows, call.params, reason, told)
      return showAgent((await urgentAct(ports, call, exclusive(call.params.tenant), step)).done)
    },
  }
}

/** Lifecycles that take the identity away. */
const isEnd = (lifecycle: Lifecycle | undefined) => lifecycle === 'quarantined' || lifecycle === 'retired'

const showAgent = (state: AgentState): Agent => ({
  tenant: state.tenant,
  agent: state.agent,
  spiffe_id: state.spiffeId,
  tier: state.tier,
  lifecycle: state.lifecycle,
  identity_provenance: state.provenance,
  external_subject: state.externalSubject,
  owner: state.owner,
  description: state.description,
  labels: { ...state.labels },
  incarnation: state.incarnation,
  created_at: isoTime(state.createdAt),
  updated_at: isoTime(state.updatedAt),
})
