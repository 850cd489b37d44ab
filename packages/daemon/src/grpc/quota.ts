/** Counts what is open, in all and by user: the share of one user is never all there is. */
export class Quota {
  readonly #most: number
  readonly #mostPerUid: number
  readonly #byUid = new Map<number, number>()
  #open = 0

  constructor(most: number, mostPerUid: number) {
    this.#most = most
    this.#mostPerUid = mostPerUid
  }

  /** How many are open. */
  get open(): number {
    return this.#open
  }

  /** Takes one and gives what puts it back, which has an effect once; null when there is none left. */
  take(uid: number): (() => void) | null {
    const own = this.#byUid.get(uid) ?? 0
    if (this.#open >= this.#most || own >= this.#mostPerUid) return null
    this.#open++
    this.#byUid.set(uid, own + 1)
    let taken = true
    return () => {
      if (taken) this.#putBack(uid)
      taken = false
    }
  }

  #putBack(uid: number): void {
    this.#open--
    const left = this.#byUid.get(uid)! - 1
    if (left === 0) this.#byUid.delete(uid)
    else this.#byUid.set(uid, left)
  }
}
