import { monotonic } from './clock.ts'

/** Something that does one thing at a time. */
export interface Paced {
  readonly busy: boolean
  call(): void
}

interface Entry {
  readonly paced: Paced
  readonly everyMs: number
  due: number
}

/** Lets each of many do its thing at its own pace. Who is not done when it is due again goes on as soon as it is. */
export class Pacer {
  readonly #entries = new Map<Paced, Entry>()
  readonly #timer = setInterval(() => this.#turn(), 1)

  add(paced: Paced, everyMs: number): void {
    this.#entries.set(paced, { paced, everyMs, due: monotonic() + Math.random() * everyMs })
  }

  remove(paced: Paced): void {
    this.#entries.delete(paced)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #turn(): void {
    const now = monotonic()
    for (const entry of this.#entries.values()) {
      if (entry.due > now || entry.paced.busy) continue
      // Missed turns are not made up for: a burst would be another load than the one that is stated.
      entry.due = Math.max(entry.due + entry.everyMs, now)
      entry.paced.call()
    }
  }
}
