import type { FeedLine } from './types.ts'

/** How a line joins on to what a point has. */
export interface Place {
  /** The point now knows all deaths up to the line's epoch. */
  readonly joins: boolean
  /** The epoch or the feed is another than before. */
  readonly advanced: boolean
  /** A snapshot is needed. */
  readonly resync: boolean
  /** The feed forgot what it once told, or may have: deaths of before are to be kept whatever it says. */
  readonly lost: boolean
  readonly regressed: string | null
}

/** Feeds that were left, remembered at most. */
const MAX_LEFT = 16

const REPEATED: Place = { joins: false, advanced: false, resync: false, lost: false, regressed: null }

/** Follows the epochs of one feed, and notices when it falls back or is another. */
export class FeedThread {
  readonly #toleranceMs: number
  /** Feeds of a past that the database has left: whoever still tells them is cut off from it. */
  readonly #left = new Set<string>()
  #feedId: string | null = null
  #epoch = 0
  #instance = ''
  #asOf = Number.NEGATIVE_INFINITY
  #broken = false
  #told = false

  /** `toleranceMs`: by how much the clocks of two instances may differ before a lower epoch is a fall. */
  constructor(toleranceMs: number) {
    this.#toleranceMs = toleranceMs
  }

  get feedId(): string | null {
    return this.#feedId
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Where to go on; null: only a snapshot helps. */
  get since(): { readonly epoch: number; readonly feedId: string } | null {
    return this.#feedId === null || this.#broken ? null : { epoch: this.#epoch, feedId: this.#feedId }
  }

  /** `silent`: nothing that joins on has come for so long that the feed followed until now has no say any longer. */
  place(line: FeedLine, silent: boolean): Place {
    if (this.#feedId === null) return line.kind === 'snapshot' ? this.#take(line, false, null) : this.#break(null)
    const regress = this.#regress(line)
    if (regress !== null) return this.#fallen(line, regress, silent)
    if (line.epoch < this.#epoch) return REPEATED
    const joins = line.kind === 'snapshot' || line.prev <= this.#epoch
    return joins ? this.#take(line, false, null) : this.#break(null)
  }

  /** What speaks against the line being of the same history, if anything does. */
  #regress(line: FeedLine): string | null {
    if (line.feedId !== this.#feedId)
      return `feed ${this.#feedId} at ${this.#epoch}, then ${line.feedId} at ${line.epoch}`
    if (line.epoch >= this.#epoch) return null
    // A line that is told again has the time that it had. An epoch that is lower later is a fall.
    const tolerance = line.instance === this.#instance ? 0 : this.#toleranceMs
    return line.asOf > this.#asOf + tolerance ? `epoch ${this.#epoch}, then ${line.epoch} of ${line.feedId}` : null
  }

  #fallen(line: FeedLine, regress: string, silent: boolean): Place {
    const regressed = this.#told ? null : regress
    this.#told = true
    // Which of two was first cannot be known. One that was left is not gone back to while the other one still speaks.
    if (line.kind === 'delta' || (this.#left.has(line.feedId) && !silent)) return this.#break(regressed)
    return this.#take(line, true, regressed)
  }

  #take({ feedId, epoch, instance, asOf }: FeedLine, lost: boolean, regressed: string | null): Place {
    const advanced = feedId !== this.#feedId || epoch !== this.#epoch
    if (this.#feedId !== null && feedId !== this.#feedId) this.#leave(this.#feedId)
    this.#left.delete(feedId)
    this.#asOf = lost ? asOf : Math.max(this.#asOf, asOf)
    this.#feedId = feedId
    this.#epoch = epoch
    this.#instance = instance
    this.#broken = false
    this.#told = false
    return { joins: true, advanced, resync: false, lost, regressed }
  }

  #break(regressed: string | null): Place {
    this.#broken = true
    return { joins: false, advanced: false, resync: true, lost: false, regressed }
  }

  #leave(feedId: string): void {
    this.#left.add(feedId)
    if (this.#left.size > MAX_LEFT) this.#left.delete(this.#left.values().next().value!)
  }
}
