import type { Time } from '../ports.ts'

/** For so long the last word of the authority counts more than the clock of this machine. */
const RECENT_MS = 3_000

/**
 * The authority's time, which lives are judged by: the wall clock of this machine may be set, and its steady clock stands
 * still while it sleeps.
 */
export class AuthorityClock {
  readonly #time: Time
  #heard: { readonly at: number; readonly wall: number; readonly monotonic: number } | null = null

  constructor(time: Time) {
    this.#time = time
  }

  /** The authority has said what time it is, Unix milliseconds. */
  told(at: number): void {
    this.#heard = { at, wall: this.#time.now(), monotonic: this.#time.monotonic() }
  }

  /** Unix milliseconds. */
  now(): number {
    if (this.#heard === null) return this.#time.now()
    const { at, wall, monotonic } = this.#heard
    const passed = this.#time.monotonic() - monotonic
    const steady = at + passed
    if (passed <= RECENT_MS) return steady
    // Which of both clocks is right nobody says until the authority speaks again: the later one lets nothing live too long.
    return Math.max(steady, at + (this.#time.now() - wall))
  }
}
