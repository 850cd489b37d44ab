/** An allowance that refills steadily. Times are milliseconds of any clock that does not run backwards for long. */
export class TokenBucket {
  readonly #perMs: number
  readonly #most: number
  #tokens: number
  #at: number

  /** Full at first: `burst` at once, then `perSecond`. */
  constructor(perSecond: number, burst: number, at: number) {
    this.#perMs = perSecond / 1000
    this.#most = burst
    this.#tokens = burst
    this.#at = at
  }

  /**
   * Takes so many: 0 when they were there, otherwise the milliseconds until they will be. More than there ever are takes
   * all, and what comes after waits for the rest.
   */
  take(at: number, many = 1): number {
    this.#refill(at)
    const needed = Math.min(many, this.#most)
    if (this.#tokens >= needed) {
      this.#tokens -= many
      return 0
    }
    // Less a nanosecond, by which fractions may be off.
    return Math.max(1, Math.ceil((needed - this.#tokens) / this.#perMs - 1e-6))
  }

  // A clock that was set back adds nothing and takes nothing away.
  #refill(at: number): void {
    if (at > this.#at) this.#tokens = Math.min(this.#most, this.#tokens + (at - this.#at) * this.#perMs)
    this.#at = at
  }
}
