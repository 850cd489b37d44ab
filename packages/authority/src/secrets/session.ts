import { type Fresh, type Opening, openLineage } from '../bootstrap.ts'
import type { Act, SecondFactor, SecretCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { AgentState, LineageState, Rows, Step } from '../ports.ts'

/**
 * Opens a lineage for the agent of the caller's secret. Throws `federation_required`, `credential_conflict` for another
 * agent, and by the liveness gate `tenant_killed`, `agent_quarantined`, `agent_retired`.
 */
export function* openSession(
  rows: Rows,
  opening: Opening,
  fresh: Fresh,
  maxLineageSec: number,
  act: Act & { readonly caller: SecretCaller },
): Step<{ agent: AgentState; lineage: LineageState }> {
  const { secret, factor } = act.caller
  const opened = yield* openLineage(rows, opening, fresh, maxLineageSec, act)
  const detail = { secret, lineage: opened.lineage.id, factor: factorText(factor) }
  yield* rows.events.append(eventOf(act, 'session.opened', opened.agent, detail))
  return opened
}

/** The second factor as events name it; null: none came. */
function factorText(factor: SecondFactor | null): string | null {
  if (factor === null) return null
  switch (factor.kind) {
    case 'svid':
      return `svid:${factor.certificate.serial}`
    case 'certificate':
      return `certificate:${factor.keyThumbprint}`
    default:
      throw new TypeError(`unknown factor ${factor satisfies never}`)
  }
}
