import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { AgentState, Rows, Step } from '../ports.ts'

const END = { quarantined: 'agent.quarantined', retired: 'agent.retired' } as const

/**
 * Takes an agent's identity away, by quarantine or for ever: every incarnation up to the present one is dead, its
 * lineages end, its live certificates are revoked, and the epoch grows, all in the caller's transaction. `agent` may
 * carry other changes of the same call.
 */
export function* endAgent(
  rows: Rows,
  agent: AgentState,
  lifecycle: keyof typeof END,
  reason: string | null,
  act: Act,
): Step<AgentState> {
  const deadThrough = Math.max(agent.deadThrough, agent.incarnation)
  const after: AgentState = { ...agent, lifecycle, deadThrough, updatedAt: act.at }
  yield* rows.agents.update(after)
  yield* rows.lineages.endAll(agent)
  const revoked = yield* rows.certificates.revoke(agent, { at: act.at, reason: reason ?? lifecycle })
  yield* rows.events.append(eventOf(act, END[lifecycle], agent, { reason, dead_through: deadThrough, revoked }))
  yield* rows.epoch.bump()
  return after
}
