/**
 * A map of so many entries at most: to set one puts it at the end, also where it was there before, and the one that was
 * set longest ago leaves first. Whoever sets what it reads has those leave first that nobody has used for longest.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number

  constructor(most: number) {
    super()
    this.#most = most
  }

  override set(key: K, value: V): this {
    this.delete(key)
    super.set(key, value)
    if (this.size > this.#most) this.delete(this.keys().next().value as K)
    return this
  }
}
