/**
 * Runs work by name, so many at once, each name one at a time. Whoever asks gets a run that begins after the question: one
 * that still waits serves all who ask, one that is under way is followed by one more.
 */
export class Turns {
  readonly #running = new Map<unknown, Promise<void>>()
  readonly #waiting = new Map<unknown, Promise<void>>()
  readonly #queue: (() => void)[] = []
  #free: number

  constructor(most: number) {
    this.#free = most
  }

  /** Kept or broken as the run is. */
  run(name: unknown, work: () => Promise<void>): Promise<void> {
    const waits = this.#waiting.get(name)
    if (waits !== undefined) return waits
    const before = this.#running.get(name)?.catch(() => {}) ?? Promise.resolve()
    const turn: Promise<void> = before.then(() => this.#slot()).then(() => this.#work(name, turn, work))
    this.#waiting.set(name, turn)
    return turn
  }

  async #work(name: unknown, turn: Promise<void>, work: () => Promise<void>): Promise<void> {
    this.#waiting.delete(name)
    this.#running.set(name, turn)
    try {
      await work()
    } finally {
      if (this.#running.get(name) === turn) this.#running.delete(name)
      this.#release()
    }
  }

  #slot(): Promise<void> | void {
    if (this.#free === 0) return new Promise(resolve => this.#queue.push(resolve))
    this.#free--
  }

  #release(): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
