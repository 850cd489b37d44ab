import { setImmediate as breathe } from 'node:timers/promises'
import { LanyardError, type Streaming } from '@lanyard/api'
import type { Crypto } from '@lanyard/protocol'
import type { FeedPosition } from '../http/ports.ts'
import { type Change, Changes } from './changes.ts'
import { feedIdOf } from './feed-id.ts'
import { LineMaker, type LineMakerParts, type Standing } from './line-maker.ts'
import { Openings } from './openings.ts'
import { type Entitlement, Reader } from './reader.ts'
import { Ring } from './ring.ts'
import type { Sight } from './sight.ts'

export interface HubParts extends LineMakerParts {
  readonly crypto: Crypto
  /** See `feedIdOf`. */
  readonly seed: string
  readonly heartbeatMs: number
  readonly ring?: Ring
}

/** What the hub has done since it began. */
export interface HubStats {
  readonly readers: number
  readonly lines: number
  readonly signatures: number
  /** Readers that were too far behind. */
  readonly lost: number
}

/** A line that tells a death is told again after so many milliseconds, so that one lost packet costs no timeout. */
const AGAIN_MS = [10, 30]
/** Readers of one identity, which may have many points: telling them takes some milliseconds for each hundred. */
const MOST_OF_ONE = 2000
/** Writing to many readers lets other work pass after so many: some milliseconds of one core. */
const SLICE = 128

const now = () => performance.now()

/** Tells every reader what was seen, one signature for all. */
export class Hub {
  readonly #parts: HubParts
  readonly #maker: LineMaker
  readonly #openings: Openings
  readonly #ring: Ring
  readonly #readers = new Set<Reader>()
  #standing: Standing | null = null
  #changes: Changes | null = null
  #toldKid = ''
  #toldAt = Number.NEGATIVE_INFINITY
  #again: NodeJS.Timeout[] = []
  #lines = 0
  #lost = 0
  #ended = false

  constructor(parts: HubParts) {
    this.#parts = parts
    this.#maker = new LineMaker(parts)
    this.#openings = new Openings(this.#maker)
    this.#ring = parts.ring ?? new Ring()
  }

  get feedId(): string {
    if (this.#standing === null) throw new LanyardError('not_ready', 'the database was not read yet')
    return this.#standing.feedId
  }

  get stats(): HubStats {
    const { signatures } = this.#maker
    return { readers: this.#readers.size, lines: this.#lines, signatures, lost: this.#lost }
  }

  /** Takes in what a look saw, and tells it; gives what came. Never twice at once. */
  async saw(sight: Sight): Promise<readonly Change[]> {
    const { epoch, asOf } = sight
    const standing = { feedId: feedIdOf(this.#parts.seed, sight.place), epoch, asOf }
    const before = this.#standing
    if (before === null || this.#changes === null || sight.told === 'all') return await this.#begin(standing, sight)
    if (epoch > before.epoch) return await this.#goOn(before.epoch, standing, sight, this.#changes)
    return await this.#stay(standing)
  }

  /** The lines for a reader that comes now. */
  async follow(from: FeedPosition | null, entitlement: Entitlement): Promise<Streaming> {
    if (this.#standing === null || this.#changes === null)
      throw new LanyardError('not_ready', 'the database was not read yet')
    this.#requireRoom(entitlement.reader)
    const next = this.#ring.end
    const opening = await this.#openings.open(from, this.#standing, this.#changes)
    return sink => {
      const reader = new Reader(sink, this.#ring, { opening, next }, entitlement)
      if (this.#ended) reader.end()
      this.#readers.add(reader)
      reader.pump()
      return () => this.#readers.delete(reader)
    }
  }

  /** Ends whose credential has ended at `at`, Unix milliseconds. */
  sweep(at: number): void {
    for (const reader of this.#readers) if (reader.entitlement.until <= at) reader.end()
  }

  /** Asks for each reader, or those of whom `whom` holds, whether its credential still counts. */
  async confirm(whom: (reader: string) => boolean = () => true): Promise<void> {
    for (const reader of this.#readers) {
      if (!whom(reader.entitlement.reader)) continue
      try {
        await reader.entitlement.confirm()
      } catch (error) {
        // What cannot be asked now is no refusal: the feed is silent then, and the next turn asks again.
        if (error instanceof LanyardError && error.code !== 'store_unavailable') reader.end()
      }
    }
  }

  /** Ends all readers in good order, and those that come. */
  end(): void {
    this.#ended = true
    this.#forgetAgain()
    for (const reader of this.#readers) reader.end()
  }

  #requireRoom(reader: string): void {
    let open = 0
    for (const { entitlement } of this.#readers) if (entitlement.reader === reader) open++
    if (open < MOST_OF_ONE) return
    throw new LanyardError('rate_limited', `expected at most ${MOST_OF_ONE} readers of one identity at an instance`, {
      retry_after_sec: 1,
    })
  }

  async #begin(standing: Standing, { deaths, epoch }: Sight): Promise<readonly Change[]> {
    const changes = new Changes(deaths, epoch, this.#parts.crypto)
    const all = changes.all(standing.asOf)
    const { kid } = this.#maker
    const line = this.#readers.size > 0 ? await this.#maker.snapshot(standing, all) : null
    this.#changes = changes
    this.#stand(standing)
    if (line !== null) await this.#tell(line, kid)
    return all
  }

  async #goOn(prev: number, standing: Standing, { deaths }: Sight, changes: Changes): Promise<readonly Change[]> {
    const came = changes.read(deaths)
    const { kid } = this.#maker
    const line = await this.#maker.delta(standing, prev, came, kid !== this.#toldKid)
    changes.add(came)
    this.#stand(standing)
    await this.#tell(line, kid, came.length > 0)
    if (came.length > 0) this.#tellAgain(this.#ring.end)
    return came
  }

  async #stay(standing: Standing): Promise<readonly Change[]> {
    // A little early rather than a whole look late.
    const due = now() - this.#toldAt >= this.#parts.heartbeatMs - 20
    const { kid } = this.#maker
    const line = due ? await this.#maker.delta(standing, standing.epoch, [], kid !== this.#toldKid) : null
    this.#standing = standing
    if (line !== null) await this.#tell(line, kid)
    return []
  }

  /** The state and the end of the ring move in one go: what opens in between would miss the line, or have it twice. */
  #stand(standing: Standing): void {
    this.#standing = standing
    this.#openings.clear()
  }

  async #tell(line: Buffer, kid: string, urgent = false): Promise<void> {
    this.#forgetAgain()
    this.#toldKid = kid
    this.#toldAt = now()
    this.#ring.push(line)
    this.#lines++
    // The first to hear of a death answer at once: their answers must not stand between it and the last to hear.
    const slice = urgent ? this.#readers.size : SLICE
    await this.#forEach(slice, reader => {
      if (reader.pump()) this.#lost++
    })
  }

  #tellAgain(end: number): void {
    const again = () => this.#forEach(SLICE, reader => (this.#ring.end === end ? reader.repeat() : undefined))
    this.#again = AGAIN_MS.map(ms => setTimeout(() => void again(), ms).unref())
  }

  // A newer line does the same for the one before it.
  #forgetAgain(): void {
    for (const timer of this.#again) clearTimeout(timer)
    this.#again = []
  }

  async #forEach(slice: number, act: (reader: Reader) => void): Promise<void> {
    let written = 0
    for (const reader of this.#readers) {
      act(reader)
      if (++written % slice === 0) await breathe()
    }
  }
}
