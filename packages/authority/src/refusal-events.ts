import { BoundedMap } from '@lanyard/protocol'
import { type Clock, type NewEvent, type Rows, type Store, shared } from './ports.ts'

/** The same refusal is told once in this time; what came in between is counted. */
const QUIET_MS = 60_000
/** Refusals remembered at once; the oldest is forgotten first. */
const REMEMBERED = 10_000

interface Told {
  readonly at: number
  unsaid: number
}

interface Ports {
  readonly store: Pick<Store, 'write'>
  readonly rows: Pick<Rows, 'events'>
  readonly clock: Clock
}

/** Writes events of what was refused: whoever asks again and again must not fill the store. */
export class RefusalEvents {
  readonly #ports: Ports
  readonly #told = new BoundedMap<string, Told>(REMEMBERED)

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /** `name`: what makes two refusals the same. Never throws: the caller is refused either way, and learns why. */
  async tell(name: string, event: Omit<NewEvent, 'at' | 'outcome'>): Promise<void> {
    const { store, rows, clock } = this.#ports
    const at = clock.now()
    const unsaid = this.#take(name, at)
    if (unsaid === null) return
    const detail = { ...event.detail, more_since_last: unsaid }
    const told: NewEvent = { ...event, at, outcome: 'refused', detail }
    await store.write(() => rows.events.append(told), shared()).catch(() => {})
  }

  /** How many went untold since the last event of this name, or null while it is quiet. */
  #take(name: string, at: number): number | null {
    const last = this.#told.get(name)
    if (last && at - last.at < QUIET_MS) {
      last.unsaid++
      return null
    }
    this.#told.set(name, { at, unsaid: 0 })
    return last?.unsaid ?? 0
  }
}
