import type { Time } from '../ports.ts'

/** Whoever asked within this time may ask again: its SVID is renewed although nobody follows. */
const ASKED_MS = 3_600_000

/** Who wants an SVID: those who follow it, and for a while those who have asked. */
export class Demand {
  readonly #time: Pick<Time, 'monotonic'>
  #asked = Number.NEGATIVE_INFINITY
  #followers = 0

  constructor(time: Pick<Time, 'monotonic'>) {
    this.#time = time
  }

  get followers(): number {
    return this.#followers
  }

  /** Whether anybody would miss it. */
  get isThere(): boolean {
    return this.#followers > 0 || this.#time.monotonic() - this.#asked < ASKED_MS
  }

  /** Somebody wants it now. */
  ask(): void {
    this.#asked = this.#time.monotonic()
  }

  /** Somebody wants it from now on; gives what ends that. */
  follow(): () => void {
    let follows = true
    this.#followers++
    return () => {
      if (!follows) return
      follows = false
      this.#followers--
      this.ask()
    }
  }
}
