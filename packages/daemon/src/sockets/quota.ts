/** Counts what is open or held, in all and by user: the share of one user is never all there is. */
export class Quota {
  readonly #most: number
  readonly #mostPerUid: number
  readonly #byUid = new Map<number, number>()
  #open = 0

  constructor(most: number, mostPerUid: number) {
    this.#most = most
    this.#mostPerUid = mostPerUid
  }

  /** How many are taken. */
  get open(): number {
    return this.#open
  }

  /** Takes so many and gives what puts them back, which has an effect once; null when there are not so many left. */
  take(uid: number, amount = 1): (() => void) | null {
    const own = this.#byUid.get(uid) ?? 0
    if (this.#open + amount > this.#most || own + amount > this.#mostPerUid) return null
    this.#open += amount
    this.#byUid.set(uid, own + amount)
    let taken = true
    return () => {
      if (taken) this.#putBack(uid, amount)
      taken = false
    }
  }

  #putBack(uid: number, amount: number): void {
    this.#open -= amount
    const left = (this.#byUid.get(uid) ?? 0) - amount
    if (left <= 0) this.#byUid.delete(uid)
    else this.#byUid.set(uid, left)
  }
}
