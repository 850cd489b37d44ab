import type { Act } from '../caller.ts'
import { takeAgent } from '../kill/take.ts'
import { settle, Toll } from '../kill/toll.ts'
import type { AgentState, Rows, Step } from '../ports.ts'

/**
 * Takes an agent's identity away without an incident, in the caller's transaction: it travels as a kill does. `agent`
 * may carry other changes of the same call.
 */
export function* endAgent(
  rows: Rows,
  agent: AgentState,
  lifecycle: 'quarantined' | 'retired',
  reason: string | null,
  act: Act,
): Step<AgentState> {
  const toll = new Toll()
  const after = yield* takeAgent(rows, toll, agent, lifecycle, reason, act)
  yield* rows.services.removeAll(agent)
  yield* settle(rows, toll, act.at)
  return after
}
