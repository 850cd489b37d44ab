interface Bucket {
  left: number
  at: number
}

/** Names that are remembered; those that have all of their share again are forgotten first. */
const MOST_NAMES = 10_000

/** How often each user, or whoever else has a name, may do something: so often a second, and `burst` times at once after a pause. */
export class Rate<Name = number> {
  readonly #perSec: number
  readonly #burst: number
  readonly #buckets = new Map<Name, Bucket>()

  constructor(perSec: number, burst: number) {
    this.#perSec = perSec
    this.#burst = burst
  }

  /** Whether it may be done once more; `now` in milliseconds; a clock that is set back forgives nothing. */
  take(name: Name, now: number): boolean {
    const bucket = this.#buckets.get(name) ?? { left: this.#burst, at: now }
    bucket.left = this.#leftOf(bucket, now)
    bucket.at = now
    this.#remember(name, bucket, now)
    if (bucket.left < 1) return false
    bucket.left--
    return true
  }

  #leftOf({ left, at }: Bucket, now: number): number {
    return Math.min(this.#burst, left + (Math.max(0, now - at) / 1000) * this.#perSec)
  }

  #remember(name: Name, bucket: Bucket, now: number): void {
    if (this.#buckets.size >= MOST_NAMES && !this.#buckets.has(name))
      for (const [other, each] of this.#buckets) if (this.#leftOf(each, now) >= this.#burst) this.#buckets.delete(other)
    this.#buckets.set(name, bucket)
  }
}
