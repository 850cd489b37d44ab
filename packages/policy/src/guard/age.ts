import type { TimeSource } from '@lanyard/sdk'

/** Two clocks differ by less: what is more is a reading that does not go on. */
const DRIFT = 0.01

/**
 * How long ago the authority last knew what was in force, by our own clocks. Its clock is never compared with ours,
 * only with itself: an instance that goes on answering while it cannot read its database says the same moment again and
 * again.
 */
export class Age {
  readonly #time: Pick<TimeSource, 'now' | 'monotonic'>
  #heard: { readonly monotonic: number; readonly wall: number } | null = null
  #asOf = 0
  /** How far the authority was behind when it was last heard. */
  #behind = 0

  constructor(time: Pick<TimeSource, 'now' | 'monotonic'>) {
    this.#time = time
  }

  /** The authority has said this, and was asked at `asked`, a moment of the monotonic clock. */
  heard(asOf: number, asked: number): void {
    const monotonic = this.#time.monotonic()
    if (this.#heard !== null && asOf >= this.#asOf) {
      const passed = monotonic - this.#heard.monotonic
      this.#behind = Math.max(0, this.#behind + passed * (1 - DRIFT) - (asOf - this.#asOf))
    }
    // What another instance read earlier, or one whose clock was set back: as old as the question at least.
    else if (this.#heard !== null) this.#behind = Math.max(this.#behind, monotonic - asked)
    this.#asOf = asOf
    this.#heard = { monotonic, wall: this.#time.now() }
  }

  /**
   * Milliseconds; infinite before anything was heard. Of both clocks the one that says more: one stands still in sleep.
   */
  get ms(): number {
    if (this.#heard === null) return Number.POSITIVE_INFINITY
    const { monotonic, wall } = this.#heard
    return this.#behind + Math.max(this.#time.monotonic() - monotonic, this.#time.now() - wall)
  }
}
