import type { Clock } from '@lanyard/authority'

/** A clock that stands still until it is told to go on, in milliseconds. */
export class TestClock implements Clock {
  #now: number

  /** Begins at a whole second, since certificates know no parts of one. */
  constructor(start = Date.UTC(2026, 10, 21, 12)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  /** Lets so many seconds pass. */
  pass(seconds: number): void {
    this.#now += seconds * 1000
  }
}
