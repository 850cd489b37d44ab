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
/** By how much both clocks of a machine may come apart before one of them was set or stood still. */
const APART_MS = 100

/** By how much the wall clock went on further than the monotonic one. */
const apart = (from: Now, to: Now) => to.wall - from.wall - (to.monotonic - from.monotonic)

/** Whether nobody set a clock and no machine slept between two moments, as far as both clocks can tell. */
function agree(from: Now, to: Now): boolean {
  return Math.abs(apart(from, to)) <= APART_MS + 2 * DRIFT * (to.monotonic - from.monotonic)
}

/**
 * What one exchange tells of the authority's clock: when it was sent and answered by the clocks here, when it was received
 * and answered by the one there (Unix ms). Null where the clocks here came apart meanwhile, so that it tells nothing.
 */
export function clockSample(
  { sent, got }: { readonly sent: Now; readonly got: Now },
  { receivedAt, answeredAt }: { readonly receivedAt: number; readonly answeredAt: number },
): ClockSample | null {
  if (!agree(sent, got)) return null
  // As NTP does (RFC 5905, 8): half of the way there and back, which may all have been one of the two.
  const half = Math.max(0, got.monotonic - sent.monotonic - (answeredAt - receivedAt)) / 2
  return { offsetMs: answeredAt + half - got.wall, uncertaintyMs: half + Math.abs(apart(sent, got)) }
}

/** The authority's time by the clocks of a process. */
export class AuthorityClock {
  #sample: (ClockSample & { readonly at: Now }) | null = null

  /**
   * Whether a comparison holds. It does no longer once both clocks came apart: a machine may have slept while its wall
   * clock was set back, and then neither clock says how long.
   */
  holds(now: Now): boolean {
    return this.#sample !== null && agree(this.#sample.at, now)
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
