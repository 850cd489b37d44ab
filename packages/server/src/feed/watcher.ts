import { setTimeout as after } from 'node:timers/promises'
import { LanyardError } from '@lanyard/api'
import type { Log } from '../http/ports.ts'
import { look, type Sight, type SightPorts } from './sight.ts'

export interface WatcherParts extends SightPorts {
  readonly log: Log
  /** Takes each look in, in their order; the next one waits for it. */
  readonly saw: (sight: Sight) => Promise<void>
}

/** After so many milliseconds a look that has not ended is given up: its answer would be too old to tell. */
const PATIENCE_MS = 2000

/**
 * Looks at the database, one look at a time. Whoever asks for a look gets one that begins after the question: what was
 * committed before is in it.
 */
export class Watcher {
  readonly #parts: WatcherParts
  #sight: Sight | null = null
  #running: Promise<Sight> | null = null
  #next: Promise<Sight> | null = null
  #failing = false
  #stopped = false

  constructor(parts: WatcherParts) {
    this.#parts = parts
  }

  /** What was seen last. */
  get sight(): Sight | null {
    return this.#sight
  }

  /** Throws `store_unavailable`. */
  look(): Promise<Sight> {
    if (this.#next !== null) return this.#next
    if (this.#running === null) return this.#begin()
    this.#next = this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#next
  }

  /** A look that nobody waits for. One that fails is told in the log, once until one succeeds. */
  async glance(): Promise<void> {
    try {
      await this.look()
    } catch {}
  }

  stop(): void {
    this.#stopped = true
  }

  #begin(): Promise<Sight> {
    this.#next = null
    const running = this.#look().finally(() => {
      this.#running = null
    })
    this.#running = running
    return running
  }

  async #look(): Promise<Sight> {
    if (this.#stopped) throw new LanyardError('not_ready', 'this instance stops')
    try {
      const sight = await inTime(look(this.#sight, this.#parts))
      await this.#parts.saw(sight)
      this.#sight = sight
      if (this.#failing) this.#parts.log.info({ epoch: sight.epoch }, 'the feed goes on')
      this.#failing = false
      return sight
    } catch (error) {
      if (!this.#failing) this.#parts.log.warn({ error: String(error) }, 'the feed is silent: no look at the database')
      this.#failing = true
      throw error
    }
  }
}

/** What was read, or throws `store_unavailable` when it did not come in time. */
export async function inTime<T>(reading: Promise<T>): Promise<T> {
  const gaveUp = new AbortController()
  const late = after(PATIENCE_MS, undefined, { signal: gaveUp.signal, ref: false }).then(() => {
    throw new LanyardError('store_unavailable', `the database did not answer within ${PATIENCE_MS} ms`)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    gaveUp.abort()
    late.catch(() => {})
    // One that was given up may still fail.
    reading.catch(() => {})
  }
}
