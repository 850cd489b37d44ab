/** What waits, by whose it is. Owners take turns, however much each of them has waiting. */
export class InTurn<T> {
  readonly #waiting = new Map<string | null, T[]>()

  add(owner: string | null, item: T): void {
    const items = this.#waiting.get(owner)
    if (items) items.push(item)
    else this.#waiting.set(owner, [item])
  }

  /** The oldest of the owner whose turn it is; undefined when nothing waits. */
  take(): T | undefined {
    const [next] = this.#waiting
    if (!next) return undefined
    const [owner, items] = next
    this.#waiting.delete(owner)
    const item = items.shift()
    // To the end of the row.
    if (items.length > 0) this.#waiting.set(owner, items)
    return item
  }
}
