import type { StepName } from '@lanyard/api'
import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { IncidentState, Rows, Step } from '../ports.ts'

/** The end of one step of an incident: who did it, and what is written with it. */
export interface StepEnd {
  readonly step: StepName
  readonly by: string
  readonly detail: Readonly<Record<string, unknown>>
  /** What the step writes, in the same transaction; run only by whoever ends the step. */
  readonly effects?: () => Step<unknown>
}

/**
 * Ends a step, once: false when it was ended before, with nothing written. Whoever ends the last one closes the
 * incident.
 */
export function* finishStep(
  rows: Rows,
  incident: IncidentState,
  { step, by, detail, effects }: StepEnd,
  act: Act & { readonly caller: 'server' },
): Step<boolean> {
  // The row of the step stays locked from here on, so that of two instances one writes the effects.
  if (!(yield* rows.incidents.finish(incident.id, step, by, act.at, detail))) return false
  if (effects) yield* effects()
  // The row of the incident likewise: of two steps that end at once, one sees that it is the last.
  yield* rows.incidents.change(incident.id, { committedAt: incident.committedAt ?? act.at })
  const steps = yield* rows.incidents.steps(incident.id)
  if (steps.some(({ state }) => state !== 'done')) return true
  yield* rows.incidents.change(incident.id, { state: 'closed', closedAt: act.at })
  yield* rows.events.append(eventOf(act, 'incident.closed', incident, { incident: incident.id }))
  return true
}
