import { FakeTime } from '@lanyard/daemon/testing'
import type { Timers } from '../../packages/server/src/instance/timers.ts'

/** So much passes at once: less than there is between two turns of any timer of an authority that this time is for. */
const STEP_MS = 250

/**
 * One time for all that runs in this process: clock and timers of an authority, of a daemon, and of workloads. It passes when
 * a test says so, and stands still however long the work of a moment takes.
 */
export class CommonTime extends FakeTime implements Timers {
  readonly #tasks = new Map<() => Promise<void>, number>()
  readonly #busy = new Set<Promise<void>>()

  every(ms: number, task: () => Promise<void>): () => void {
    let cancel = () => {}
    // An object of its own, so that the same task begun twice is ended once.
    const entry = () => task()
    const wait = () => {
      cancel = this.after(ms, () => {
        const done = entry().then(() => {
          this.#busy.delete(done)
          if (this.#tasks.has(entry)) wait()
        })
        this.#busy.add(done)
      })
    }
    this.#tasks.set(entry, ms)
    wait()
    return () => {
      this.#tasks.delete(entry)
      cancel()
    }
  }

  /** Lets time pass; what the timers of the authority do is done at the moment at which it was due. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      await this.advance(Math.min(left, STEP_MS))
      await Promise.all(this.#busy)
    }
  }

  /** What the authority does every `ms` it does now, once more. */
  async turn(ms: number): Promise<void> {
    for (const [task, every] of [...this.#tasks]) if (every === ms) await task()
  }
}
