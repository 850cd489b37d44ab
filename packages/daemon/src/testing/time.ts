import type { Time } from '../ports.ts'

interface Timer {
  readonly at: number
  readonly then: () => void
}

/** Time that moves when a test says so. */
export class FakeTime implements Time {
  #wall: number
  #steady = 0
  readonly #timers = new Set<Timer>()

  /** @param start Unix milliseconds */
  constructor(start: number = Date.now()) {
    this.#wall = start
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#steady
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#steady + Math.max(0, Math.ceil(ms)), then }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Moves the wall clock alone: as sleep does, or an administrator. Negative: back. */
  jump(ms: number): void {
    this.#wall += ms
  }

  /** Lets time pass: what falls due runs in order, each at its moment, and what it began goes on as far as it can. */
  async advance(ms: number): Promise<void> {
    const end = this.#steady + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#pass(next.at - this.#steady)
      this.#timers.delete(next)
      next.then()
      await settled()
    }
    this.#pass(end - this.#steady)
    await settled()
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0]
  }

  #pass(ms: number): void {
    this.#steady += ms
    this.#wall += ms
  }
}

/** Lets all go on that waits for nothing outside. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}
