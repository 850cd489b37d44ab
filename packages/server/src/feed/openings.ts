import { BoundedMap } from '@lanyard/protocol'
import type { FeedPosition } from '../http/ports.ts'
import type { Changes } from './changes.ts'
import type { LineMaker, Standing } from './line-maker.ts'

/** Different beginnings that are kept at once. Readers who lost the same connection are at the same epoch. */
const KEPT = 64
/** After so long a beginning is made anew: deaths have left it. */
const FRESH_MS = 60_000

interface Opening {
  readonly bytes: Promise<Buffer>
  readonly asOf: number
  readonly kid: string
}

/** What readers get first, made once for all that need the same. */
export class Openings {
  readonly #maker: LineMaker
  readonly #kept = new BoundedMap<number | 'all', Opening>(KEPT)
  #pulse: { readonly bytes: Promise<Buffer>; readonly asOf: number } | null = null

  constructor(maker: LineMaker) {
    this.#maker = maker
  }

  /** The feed goes on: what was made leads no longer up to its end. */
  clear(): void {
    this.#kept.clear()
    this.#pulse = null
  }

  /** Lines that lead a reader from where it was to `standing`. The first introduces the key that signed it. */
  async open(from: FeedPosition | null, standing: Standing, changes: Changes): Promise<readonly Buffer[]> {
    const opening = this.#opening(from, standing, changes)
    // A beginning that was made before says when that was; how fresh the news is says a line of this moment.
    const pulse = opening.asOf === standing.asOf ? null : this.#pulseOf(standing)
    return await Promise.all([opening.bytes, ...(pulse === null ? [] : [pulse])])
  }

  #opening(from: FeedPosition | null, standing: Standing, changes: Changes): Opening {
    const missed = continues(from, standing) ? changes.since(from.since) : null
    const key = missed === null ? 'all' : from!.since
    const known = this.#kept.get(key)
    const { asOf } = standing
    const { kid } = this.#maker
    if (known?.kid === kid && asOf - known.asOf < FRESH_MS && asOf >= known.asOf) return known
    const bytes =
      missed === null
        ? this.#maker.snapshot(standing, changes.all(asOf))
        : this.#maker.delta(standing, from!.since, missed, true)
    const opening = { bytes, asOf, kid }
    this.#kept.set(key, opening)
    // One that could not be signed is not the answer for the next reader.
    bytes.catch(() => this.#kept.delete(key))
    return opening
  }

  #pulseOf(standing: Standing): Promise<Buffer> {
    if (this.#pulse?.asOf !== standing.asOf)
      this.#pulse = { bytes: this.#maker.delta(standing, standing.epoch, [], false), asOf: standing.asOf }
    return this.#pulse.bytes
  }
}

const continues = (from: FeedPosition | null, { feedId, epoch }: Standing): from is FeedPosition =>
  from !== null && from.since <= epoch && (from.feedId ?? feedId) === feedId
