import type { ClockSample, Now } from '@lanyard/protocol'

/** Clocks that moved against each other by more than this were set: what was measured before holds no longer. */
const SET_MS = 50
/** By how much clocks may drift apart. */
const DRIFT = 1 / 2000

/** What the own clocks are worth: the best comparison with the authority's. */
export class Comparison {
  #best: (ClockSample & { readonly at: Now }) | null = null

  get offsetMs(): number | null {
    return this.#best?.offsetMs ?? null
  }

  get uncertaintyMs(): number | null {
    return this.#best?.uncertaintyMs ?? null
  }

  /** False for a comparison that says less than the one before, such as one during which the process was busy. */
  take(sample: ClockSample, at: Now): boolean {
    const before = this.#best
    if (before !== null && !this.wasSet(at)) {
      const since = at.monotonic - before.at.monotonic
      const known = before.uncertaintyMs + since * DRIFT
      // Where both cannot be true, the clock asked is another one: that of another instance, or one that was set.
      const fits = Math.abs(sample.offsetMs - before.offsetMs) <= sample.uncertaintyMs + known
      if (fits && sample.uncertaintyMs > known) return false
    }
    this.#best = { ...sample, at }
    return true
  }

  /** Whether somebody has set the wall clock since, or the machine has slept. */
  wasSet(now: Now): boolean {
    if (this.#best === null) return false
    const { at } = this.#best
    return (
      Math.abs(now.wall - at.wall - (now.monotonic - at.monotonic)) > SET_MS + (now.monotonic - at.monotonic) * DRIFT
    )
  }

  /** The authority's time of a moment of the steady clock: whole Unix milliseconds, as well as it is known. */
  timeOf(monotonic: number, now: Now): number {
    return Math.max(0, Math.round(now.wall + (this.#best?.offsetMs ?? 0) - (now.monotonic - monotonic)))
  }
}
