import type { Act, NodeCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import { isId } from '../names.ts'
import type { NewEvent, Rows, ServedEntry, Step } from '../ports.ts'
import { isoTime } from '../time.ts'

/** Processes that were refused an identity on a node, in a like manner. */
export interface Signal {
  readonly code: 'workload_is_descendant' | 'no_identity'
  /** The entry whose selectors matched, if any. */
  readonly entry: string | null
  /** Unix milliseconds, by the clock of the node. */
  readonly at: number
  readonly pid: number
  readonly uid: number
  readonly executable: string | null
  /** How many since the last report. */
  readonly count: number
}

/** Writes what a node reports. The agent of an entry is named where the node serves it: a node speaks of nobody else's. */
export function* recordSignals(
  rows: Rows,
  signals: readonly Signal[],
  act: Act & { readonly caller: NodeCaller },
): Step<void> {
  const events: NewEvent[] = []
  for (const signal of signals) {
    const { entry: id } = signal
    const entry = id !== null && isId(id) ? yield* rows.entries.served(id, act.caller) : undefined
    events.push(told(signal, entry, act))
  }
  for (const event of events) yield* rows.events.append(event)
}

function told(
  { at, ...signal }: Signal,
  entry: ServedEntry | undefined,
  act: Act & { readonly caller: NodeCaller },
): NewEvent {
  const detail = { ...signal, entry: entry?.id ?? null, seen_at: isoTime(at) }
  return eventOf(act, 'workload.refused', entry ?? { tenant: act.caller.tenant }, detail, 'refused')
}
