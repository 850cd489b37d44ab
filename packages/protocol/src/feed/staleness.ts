/** One moment by both clocks of a process, in milliseconds: Unix time, and a count that nobody sets. */
export interface Now {
  readonly wall: number
  readonly monotonic: number
}

/** What must be added to the wall clock for the authority's time, and by how much that may be wrong. */
export interface ClockSample {
  readonly offsetMs: number
  readonly uncertaintyMs: number
}

/** By how much a monotonic clock may run fast or slow. */
const DRIFT = 1 / 2000

/** The authority's time by the clocks of a process. */
export class AuthorityClock {
  #sample: (ClockSample & { readonly at: Now }) | null = null

  /** Whether it was ever compared. */
  get known(): boolean {
    return this.#sample !== null
  }

  /** A comparison of both clocks, made at `at`. One that is no number is no comparison. */
  compare({ offsetMs, uncertaintyMs }: ClockSample, at: Now): void {
    if (Number.isFinite(offsetMs) && uncertaintyMs >= 0 && uncertaintyMs < Number.POSITIVE_INFINITY)
      this.#sample = { offsetMs, uncertaintyMs, at }
  }

  /**
   * The latest that the authority's time can be. Asks both clocks: the wall clock may have been set back since the
   * comparison, and the monotonic one may have stood still while the machine slept.
   */
  latest(now: Now): number {
    if (this.#sample === null) return now.wall
    const { offsetMs, uncertaintyMs, at } = this.#sample
    const passed = now.monotonic - at.monotonic
    return Math.max(now.wall, at.wall + passed * (1 + DRIFT)) + offsetMs + uncertaintyMs
  }
}

/** How old news is at most: never less than the time since it came. */
export interface Arrival {
  /** The authority's time of it, Unix milliseconds. */
  readonly asOf: number
  readonly monotonic: number
}

/** Milliseconds. `as_of` counts, not the arrival: an instance cut off from its database could talk on. */
export function ageOf({ asOf, monotonic }: Arrival, now: Now, clock: AuthorityClock): number {
  return Math.max(clock.latest(now) - asOf, now.monotonic - monotonic)
}
