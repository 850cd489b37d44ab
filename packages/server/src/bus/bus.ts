/** Carries one thing between instances: that the epoch is now N. The truth is read from the database. */
export interface Bus {
  /** Tells every instance, this one too, as well as it can: what is lost, a look at the database finds soon. Never throws. */
  publish(epoch: number): Promise<void>
  /** Calls back with each epoch that is told. Gives what ends that. */
  subscribe(listener: (epoch: number) => void): () => void
  close(): Promise<void>
}

/** Those who listen to a bus. */
export class Listeners {
  readonly #listeners = new Set<(epoch: number) => void>()

  add(listener: (epoch: number) => void): () => void {
    const own = (epoch: number) => listener(epoch)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  tell(epoch: number): void {
    for (const listener of this.#listeners) listener(epoch)
  }
}

/** The epoch in a message; null for what is none: whoever can write to a bus can write anything. */
export function readEpoch(message: string): number | null {
  const epoch = /^\d{1,16}$/.test(message) ? Number(message) : Number.NaN
  return Number.isSafeInteger(epoch) ? epoch : null
}
