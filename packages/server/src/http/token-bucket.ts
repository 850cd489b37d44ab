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

  /** Takes one: 0 when there was one, otherwise the milliseconds until there will be. */
  take(at: number): number {
    this.#refill(at)
    if (this.#tokens >= 1) {
      this.#tokens -= 1
      return 0
    }
    // Less a nanosecond, by which fractions may be off.
    return Math.max(1, Math.ceil((1 - this.#tokens) / this.#perMs - 1e-6))
  }

  // A clock that was set back adds nothing and takes nothing away.
  #refill(at: number): void {
    if (at > this.#at) this.#tokens = Math.min(this.#most, this.#tokens + (at - this.#at) * this.#perMs)
    this.#at = at
  }
}
