import type { Timers } from '../../packages/server/src/instance/timers.ts'

/** Timers that are turned by hand: each turn runs every task once, however often it wanted to run. */
export class HandTimers implements Timers {
  readonly #tasks = new Set<() => Promise<void>>()

  every(_ms: number, task: () => Promise<void>): () => void {
    // An object of its own, so that the same task begun twice is ended once.
    const entry = () => task()
    this.#tasks.add(entry)
    return () => this.#tasks.delete(entry)
  }

  get size(): number {
    return this.#tasks.size
  }

  async turn(): Promise<void> {
    for (const task of [...this.#tasks]) await task()
  }
}
