import type { Now } from '@lanyard/protocol'
import type { Timeline } from './timeline.ts'

/** Unix milliseconds at the beginning of every simulation. */
export const EPOCH = 1_780_000_000_000

/** The clocks of one machine: one that people set, and one that counts and stands still while the machine sleeps. */
export class Clocks {
  readonly #timeline: Timeline
  readonly #drift: number
  #offset: number
  #slept = 0

  /** `drift`: parts by which both run fast. */
  constructor(timeline: Timeline, offsetMs: number, drift: number) {
    this.#timeline = timeline
    this.#offset = offsetMs
    this.#drift = drift
  }

  get offset(): number {
    return this.#offset
  }

  now(): Now {
    const passed = this.#timeline.now * (1 + this.#drift)
    return { wall: EPOCH + passed + this.#offset, monotonic: passed - this.#slept }
  }

  set(offsetMs: number): void {
    this.#offset = offsetMs
  }

  sleep(ms: number): void {
    this.#slept += ms
  }
}
