import { type KillScope, LanyardError } from '@lanyard/api'
import { type Act, requireTenant } from '../caller.ts'
import type { AgentKey, Rows, Step } from '../ports.ts'
import { requireAgent } from '../registry/agents.ts'
import { type Killed, type KillRequest, openIncident, repeated } from './incident.ts'
import { lapseOf } from './lapse.ts'
import { takeApiKey } from './made.ts'
import { takeAgent, takeLinked } from './take.ts'
import { Toll } from './toll.ts'
import { widen } from './widen.ts'

/**
 * Kills an agent, and what the scope takes along. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `agent_unknown`, `agent_not_covered`, `agent_retired`, `incident_conflict`.
 */
export function* killAgent(rows: Rows, key: AgentKey, scope: KillScope, request: KillRequest, act: Act): Step<Killed> {
  requireTenant(act.caller, key.tenant)
  const before = yield* repeated(rows, request, act)
  if (before) return before
  const agent = yield* requireAgent(rows, key, act)
  if (agent.lifecycle === 'retired')
    throw new LanyardError('agent_retired', `agent ${key.tenant}/${key.agent} is retired`)
  const widening = yield* widen(rows, agent, scope, act)
  const wasDead = agent.lifecycle === 'quarantined'
  const ttlUntil = yield* lapseOf(rows, request, ['agent', agent.spiffeId], wasDead, act)
  const toll = new Toll()
  yield* takeAgent(rows, toll, agent, 'quarantined', request.reason, act)
  for (const id of widening.apiKeys) yield* takeApiKey(rows, toll, id, request.reason, act)
  for (const link of widening.links) yield* takeLinked(rows, toll, link, request.reason, act)
  const { tenant } = agent
  const target = { kind: 'agent', tenant, agent: agent.agent } as const
  const opening = { tenant, target, scope, ttlUntil, sparedApiKeys: widening.spared }
  return yield* openIncident(rows, toll, opening, request, act)
}
