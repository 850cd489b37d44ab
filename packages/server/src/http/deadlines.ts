interface Deadline {
  readonly at: number
  readonly missed: () => void
}

/**
 * Deadlines of one length, judged by a sweep instead of a timer each: what begins first is due first, so that a sweep
 * looks at the late ones and one more.
 */
export class Deadlines {
  readonly #ms: number
  readonly #now: () => number
  readonly #waiting = new Set<Deadline>()

  constructor(ms: number, now: () => number) {
    this.#ms = ms
    this.#now = now
  }

  /** Calls `missed`, once, unless the returned function was called before the time was over. */
  begin(missed: () => void): () => void {
    const deadline = { at: this.#now() + this.#ms, missed }
    this.#waiting.add(deadline)
    return () => this.#waiting.delete(deadline)
  }

  sweep(): void {
    const now = this.#now()
    for (const deadline of this.#waiting) {
      if (deadline.at > now) return
      this.#waiting.delete(deadline)
      deadline.missed()
    }
  }
}
