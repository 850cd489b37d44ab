import type { Time } from '@lanyard/daemon'
import { LOOK_EVERY_MS } from '../../packages/sdk/src/time.ts'

interface Timer {
  readonly ms: number
  readonly ring: () => void
}

/** The time of a machine whose wall clock a test sets: it runs like the real one between one jump and the next. */
export class ShiftedTime implements Time {
  #wall = 0
  #steady = 0
  readonly #timers = new Set<Timer>()

  now(): number {
    return Date.now() + this.#wall
  }

  monotonic(): number {
    return performance.now() + this.#steady
  }

  after(ms: number, then: () => void): () => void {
    const ring = () => {
      cancel()
      then()
    }
    const handle = setTimeout(ring, ms).unref()
    const timer = { ms, ring }
    const cancel = () => {
      clearTimeout(handle)
      this.#timers.delete(timer)
    }
    this.#timers.add(timer)
    return cancel
  }

  /** Sets the wall clock alone, as somebody does who is allowed to; so it looks too when the machine has slept. */
  jump(ms: number): void {
    this.#wall += ms
  }

  /** Lets time pass on both clocks, without anything happening meanwhile. */
  pass(ms: number): void {
    this.#wall += ms
    this.#steady += ms
  }

  /** Whoever looks at the clocks every few seconds looks now. */
  look(): void {
    for (const timer of [...this.#timers]) if (timer.ms === LOOK_EVERY_MS) timer.ring()
  }
}
