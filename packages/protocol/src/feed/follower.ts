import type { Crypto } from '../ports.ts'
import { IdTemplate } from '../spiffe/id-template.ts'
import { Deaths } from './deaths.ts'
import { type Arrival, AuthorityClock, ageOf, type ClockSample, type Now } from './staleness.ts'
import { FeedThread, type Place } from './thread.ts'
import type { FeedLine, Subject } from './types.ts'

export interface FollowerOptions {
  /** Age of the news after which guarded calls are refused. */
  readonly budgetMs: number
  /** Further time after which open guarded streams end. */
  readonly graceMs: number
  /** How often the feed speaks when nothing happens. */
  readonly heartbeatMs: number
  readonly crypto: Crypto
}

/** What a line means to an enforcement point. */
export interface Received {
  /** Subjects of which more is dead than before: sessions that they concern are to be judged anew. */
  readonly dead: readonly Subject[]
  /** The epoch to acknowledge once the dead are cut; null: nothing new. */
  readonly ackEpoch: number | null
  /** The point has missed something: connect anew, and ask for a snapshot. */
  readonly resync: boolean
  /** How the feed fell back or changed, told once; else null. */
  readonly regressed: string | null
}

/**
 * `fresh`: calls are judged by {@link Follower.deaths}. `catching-up`: wait a little, then refuse. `stale`: refuse
 * guarded calls. `over`: end open guarded streams too.
 */
export type Standing = 'fresh' | 'catching-up' | 'stale' | 'over'

/** Milliseconds between two searches for deaths that are over. */
const PURGE_MS = 60_000

/**
 * What an enforcement point knows, from the lines of the feed and its own clocks. No line is ever taken on trust of its
 * arrival: a line counts as news only when it joins on to what is known, and it is as old as its `as_of`.
 */
export class Follower {
  readonly deaths: Deaths
  readonly #options: FollowerOptions
  readonly #clock = new AuthorityClock()
  readonly #thread: FeedThread
  #news: Arrival | null = null
  #template: IdTemplate | null = null
  /** No line that joins on has come since the connection began, or one was missed. */
  #behind = true
  /** News must be of this time or later: that of the end of the last stall. */
  #stalledUntil = Number.NEGATIVE_INFINITY
  #purgedAt = Number.NEGATIVE_INFINITY

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#thread = new FeedThread(options.heartbeatMs)
    this.deaths = new Deaths(options.crypto)
  }

  /** Of the newest line that joined on; 0 before the first. */
  get epoch(): number {
    return this.#thread.epoch
  }

  get feedId(): string | null {
    return this.#thread.feedId
  }

  /** The time, in the authority's clock, up to which every death is known here; null before the first snapshot. */
  get asOf(): number | null {
    return this.#news?.asOf ?? null
  }

  /** How the trust domain writes names into SPIFFE IDs; null before the first snapshot. */
  get template(): IdTemplate | null {
    return this.#template
  }

  /** What to ask the feed for when connecting: the lines after this epoch of this feed, or null for a snapshot. */
  get since(): { readonly epoch: number; readonly feedId: string } | null {
    return this.#thread.since
  }

  /** Takes in a proved line. Its deaths count whatever else is wrong with it: they can only kill. */
  receive(line: FeedLine, now: Now): Received {
    const place = this.#thread.place(line, this.#isOver(this.age(now)))
    if (place.lost) this.deaths.detach()
    const whole = line.kind === 'snapshot' && place.joins && !isPart(line)
    const dead = whole ? this.deaths.replaceBy(line) : this.deaths.apply(line)
    if (place.joins) this.#join(line, place, now)
    else if (place.resync) this.#behind = true
    return { dead, ackEpoch: place.advanced ? this.epoch : null, resync: place.resync, regressed: place.regressed }
  }

  /** The connection to the feed was opened anew: lines may be missing until one joins on. */
  reconnected(_now: Now): void {
    this.#behind = true
  }

  /** The process stood still and goes on: what waits in its buffers is as old as the stall. */
  stalled(now: Now): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#clock.latest(now))
  }

  /** The clocks were compared at `now`, see {@link clockSample}. Without a comparison that holds a point is never fresh. */
  clock(sample: ClockSample, now: Now): void {
    this.#clock.compare(sample, now)
    // A stall that seemed to end in the future, by a clock that was wrong, must not last until then.
    this.#stalledUntil = Math.min(this.#stalledUntil, this.#clock.latest(now))
  }

  /** Whether the clocks must be compared anew: never done, or a clock was set or stood still since. */
  clockWanted(now: Now): boolean {
    return !this.#clock.holds(now)
  }

  /** The latest that the authority's time can be now, Unix milliseconds. */
  authorityTime(now: Now): number {
    return this.#clock.latest(now)
  }

  /** Milliseconds, at least; infinite before the first snapshot. */
  age(now: Now): number {
    return this.#news === null ? Number.POSITIVE_INFINITY : ageOf(this.#news, now, this.#clock)
  }

  standing(now: Now): Standing {
    if (this.#news === null) return 'catching-up'
    const { budgetMs } = this.#options
    const age = this.age(now)
    if (this.#isOver(age)) return 'over'
    if (!(age <= budgetMs)) return 'stale'
    if (!this.#clock.holds(now)) return 'catching-up'
    return this.#behind || this.#news.asOf < this.#stalledUntil ? 'catching-up' : 'fresh'
  }

  /** Written so that an age that is no number is over. */
  #isOver(age: number): boolean {
    return !(age <= this.#options.budgetMs + this.#options.graceMs)
  }

  #join(line: FeedLine, place: Place, now: Now): void {
    this.#behind = isPart(line)
    if (line.template !== undefined) this.#template = IdTemplate.parse(line.template)
    if (!isPart(line) && (place.lost || this.#isNews(line, now)))
      this.#news = { asOf: line.asOf, monotonic: now.monotonic }
    this.#purge(line, now)
  }

  /** A repetition is no news. Nor is an earlier time, unless the clock of the authority was set back. */
  #isNews({ asOf }: FeedLine, now: Now): boolean {
    if (this.#news === null || asOf > this.#news.asOf) return true
    return asOf < this.#news.asOf && this.#news.asOf > this.#clock.latest(now)
  }

  /** By the clock that certificates are judged by here and by the authority's: while either thinks that one lives, its death stays. */
  #purge({ asOf }: FeedLine, { wall, monotonic }: Now): void {
    if (monotonic - this.#purgedAt < PURGE_MS) return
    this.#purgedAt = monotonic
    this.deaths.purge(Math.min(asOf, wall))
  }
}

/**
 * Whether more lines follow before all deaths are told: those of a beginning that is cut in several say nothing of their
 * time, but for the last. What such a line leaves out another one may tell, and how old it is nobody knows.
 */
const isPart = ({ asOf }: FeedLine) => asOf === 0
