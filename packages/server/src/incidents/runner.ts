import {
  exclusive,
  exclusiveAll,
  type IncidentState,
  lapseIncident,
  type SnapshotState,
  withEpoch,
} from '@lanyard/authority'
import type { Incidents } from '../http/ports.ts'
import { InTurn } from './in-turn.ts'
import { IncidentSteps } from './incident-steps.ts'
import { type IncidentPorts, serverAct } from './ports.ts'

/** Incidents that are worked at at once. */
const AT_ONCE = 16
/** Milliseconds to the next look at a receipt that waits: twice as long each time, up to the last. */
const FIRST_WAIT_MS = 15
const LAST_WAIT_MS = 500
/** Incidents of others that one turn takes up. */
const TURN_MAX = 500

interface Open {
  readonly id: string
  /** Whoever opens thousands waits for itself alone. */
  readonly owner: string | null
  readonly committedAt: number
  /** Taken by this instance just now, not left behind by another. */
  readonly own: boolean
  waitMs: number
}

/**
 * Does what follows kills. The instance that took a kill begins at once; what an instance left behind that died is taken
 * up by the {@link turn} of another.
 */
export class IncidentRunner implements Incidents {
  readonly #ports: IncidentPorts
  readonly #steps: IncidentSteps
  readonly #open = new Map<string, Open>()
  readonly #ready = new InTurn<Open>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #underWay = new Set<Promise<void>>()
  #stopped = false

  constructor(ports: IncidentPorts) {
    this.#ports = ports
    this.#steps = new IncidentSteps(ports)
  }

  /** Incidents that wait for something or are worked at. */
  get open(): number {
    return this.#open.size
  }

  opened(id: string, committedAt: number, owner: string | null): void {
    this.#take({ id, owner, committedAt, own: true, waitMs: FIRST_WAIT_MS })
  }

  sealEvidence(incident: string, evidence: unknown): Readonly<Record<string, unknown>> {
    return { sealed: this.#ports.sealing.seal(incident, 'evidence', evidence).toString('base64') }
  }

  openSnapshot({ incident, sealed }: SnapshotState): Record<string, unknown> {
    return this.#ports.sealing.open(incident, 'snapshot', sealed) as Record<string, unknown>
  }

  /** Takes up what nobody works at, and ends times to live. To be called each second. */
  async turn(): Promise<void> {
    const { store, rows, clock } = this.#ports
    const now = clock.now()
    const unfinished = await store.read(() => rows.incidents.unfinished(now, TURN_MAX))
    for (const { id, tenant: owner } of unfinished)
      this.#take({ id, owner, committedAt: now, own: false, waitMs: LAST_WAIT_MS })
    for (const incident of await store.read(() => rows.incidents.lapsed(now, TURN_MAX))) await this.#lapse(incident)
  }

  /** Ends what is under way and begins nothing new; the rest is for others, or for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.#underWay)
  }

  #take(open: Open): void {
    if (this.#open.has(open.id)) return
    this.#open.set(open.id, open)
    // Not before the reply to the kill is on its way.
    setImmediate(() => this.#start(open))
  }

  #start(open: Open): void {
    this.#ready.add(open.owner, open)
    this.#next()
  }

  #next(): void {
    if (this.#stopped || this.#underWay.size >= AT_ONCE) return
    const open = this.#ready.take()
    if (!open) return
    const turn = this.#work(open).finally(() => {
      this.#underWay.delete(turn)
      this.#next()
    })
    this.#underWay.add(turn)
  }

  async #work(open: Open): Promise<void> {
    try {
      const { clock, closed } = this.#ports
      if ((await this.#steps.pass(open.id, open.committedAt)) === 'waiting') return this.#again(open)
      this.#open.delete(open.id)
      closed?.(open.own ? (clock.now() - open.committedAt) / 1000 : null)
    } catch (error) {
      // The turn of a second takes it up again.
      this.#open.delete(open.id)
      this.#ports.log.error({ err: error, incident: open.id }, 'an incident could not be worked at')
    }
  }

  #again(open: Open): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#start(open)
    }, open.waitMs)
    this.#timers.add(timer)
    timer.unref()
    open.waitMs = Math.min(open.waitMs * 2, LAST_WAIT_MS)
  }

  async #lapse({ id, tenant }: IncidentState): Promise<void> {
    const { store, rows, feed, log } = this.#ports
    const step = withEpoch(() => lapseIncident(rows, id, serverAct(this.#ports)), rows)
    try {
      const { done, epoch } = await store.urgent(step, tenant === null ? exclusiveAll : exclusive(tenant))
      if (done) feed.tell(epoch)
    } catch (error) {
      log.error({ err: error, incident: id }, 'the time to live of an incident could not be ended')
    }
  }
}
