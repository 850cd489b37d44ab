import { ticksNow } from '../peer/ticks.ts'
import type { HeldProcess } from '../ports.ts'

/** How long an answer is used for others, in milliseconds. */
const KEEP_MS = 1_000

interface Answer<T> {
  /** Clock ticks since boot, rounded down. */
  readonly askedAt: bigint
  readonly value: Promise<T>
  done: boolean
}

/**
 * Answers of a platform about a unit or a container, shared by its processes, one question at a time for each key.
 *
 * An answer names a main process by number, and numbers are used again. So it holds only for a process that ran when the
 * question was put: one whose question this is, or one that had started before.
 */
export class Answers<T> {
  readonly #ask: (key: string) => Promise<T>
  readonly #kept = new Map<string, Answer<T>>()
  readonly #ticks: () => bigint

  constructor(ask: (key: string) => Promise<T>, ticks = ticksNow) {
    this.#ask = ask
    this.#ticks = ticks
  }

  /** How many are kept. */
  get size(): number {
    return this.#kept.size
  }

  async about(key: string, process: HeldProcess): Promise<T> {
    for (;;) {
      const kept = this.#kept.get(key)
      if (!kept) return this.#put(key).value
      if (process.startTime < kept.askedAt) return kept.value
      if (kept.done) return this.#put(key).value
      // Its own question comes after the one that is being asked.
      await kept.value.catch(() => {})
    }
  }

  #put(key: string): Answer<T> {
    const answer: Answer<T> = { askedAt: this.#ticks(), value: this.#ask(key), done: false }
    this.#kept.set(key, answer)
    const forget = () => this.#kept.get(key) === answer && this.#kept.delete(key)
    answer.value.then(
      () => {
        answer.done = true
        setTimeout(forget, KEEP_MS).unref()
      },
      // A failure is no answer: the next one asks again.
      () => {
        answer.done = true
        forget()
      },
    )
    return answer
  }
}
