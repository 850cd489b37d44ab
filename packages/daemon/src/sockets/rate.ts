interface Bucket {
  left: number
  at: number
}

/** Users that are remembered; those who have all of their share again are forgotten first. */
const MOST_USERS = 10_000

/** How often each user may do something: so often a second, and `burst` times at once after a pause. */
export class Rate {
  readonly #perSec: number
  readonly #burst: number
  readonly #buckets = new Map<number, Bucket>()

  constructor(perSec: number, burst: number) {
    this.#perSec = perSec
    this.#burst = burst
  }

  /** Whether it may be done once more; `now` by a steady clock, in milliseconds. */
  take(uid: number, now: number): boolean {
    const bucket = this.#buckets.get(uid) ?? { left: this.#burst, at: now }
    bucket.left = this.#leftOf(bucket, now)
    bucket.at = now
    this.#remember(uid, bucket, now)
    if (bucket.left < 1) return false
    bucket.left--
    return true
  }

  #leftOf({ left, at }: Bucket, now: number): number {
    return Math.min(this.#burst, left + ((now - at) / 1000) * this.#perSec)
  }

  #remember(uid: number, bucket: Bucket, now: number): void {
    if (this.#buckets.size >= MOST_USERS && !this.#buckets.has(uid))
      for (const [other, each] of this.#buckets) if (this.#leftOf(each, now) >= this.#burst) this.#buckets.delete(other)
    this.#buckets.set(uid, bucket)
  }
}
