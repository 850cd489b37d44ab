import type { TimeSource } from '../time.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** Time that moves when a test says so. */
export class TestTime implements TimeSource {
  #wall: number
  #steady = 0
  readonly #timers = new Set<Timer>()

  constructor(start: number = Date.now()) {
    this.#wall = start
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#steady
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#steady + Math.max(0, ms), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass: what falls due runs in order, each at its moment. */
  advance(ms: number): void {
    const end = this.#steady + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#pass(next.at - this.#steady)
      this.#timers.delete(next)
      next.callback()
    }
    this.#pass(end - this.#steady)
  }

  /** Goes on to the next timer where that is due within so many milliseconds; otherwise no time passes. */
  skip(within: number): void {
    const next = this.#next(this.#steady + within)
    if (next !== undefined) this.advance(next.at - this.#steady)
  }

  /** Moves the wall clock alone: as sleep does, or an administrator. Negative: back. */
  jump(ms: number): void {
    this.#wall += ms
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size
  }

  #next(end: number): Timer | undefined {
    const due = [...this.#timers].filter(timer => timer.at <= end)
    return due.sort((a, b) => a.at - b.at)[0]
  }

  #pass(ms: number): void {
    this.#steady += ms
    this.#wall += ms
  }
}
