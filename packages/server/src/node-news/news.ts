import { LanyardError, type Streaming } from '@lanyard/api'
import { type Clock, identityOf, type NodeCaller, type Rows, type Store } from '@lanyard/authority'
import type { Bundle, Crypto, Subject } from '@lanyard/protocol'
import type { Bus } from '../bus/bus.ts'
import { inTime } from '../feed/watcher.ts'
import type { Feed, Log, NodeNews } from '../http/ports.ts'
import type { Timers } from '../instance/timers.ts'
import { lineOf } from './lines.ts'
import { NodeReader, type Standing } from './reader.ts'
import { Turns } from './turns.ts'

export interface NodeNewsParts {
  readonly store: Pick<Store, 'read'>
  /** Where it looks. */
  readonly watch: Pick<Store, 'read'>
  readonly rows: Pick<Rows, 'entries' | 'nodes' | 'deaths' | 'federatedBundles'>
  readonly authorities: { readonly trustDomain: string; bundle(): Bundle }
  readonly feed: Pick<Feed, 'feedId' | 'confirmNodes' | 'onDeaths'>
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>
  /** What is told on the bus, where listeners of the feed know it already. */
  readonly epoch: () => number
  readonly crypto: Crypto
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  /** Between two looks that nobody asked for. */
  readonly pollMs: number
}

const BEAT_MS = 1000
/** With a look that is older nothing is said, so that a node notices that nobody here sees the database. */
const STALE_MS = 2000
/** Streams of one node: its own, and the next one before the last is closed. */
const MOST_OF_ONE = 4

/** Tells nodes of their entries and bundles, as soon as an instance has committed a change. */
export class RunningNodeNews implements NodeNews {
  readonly #parts: NodeNewsParts
  readonly #readers = new Set<NodeReader>()
  readonly #turns: Turns
  readonly #looks = new Turns(1)
  readonly #ends: (() => void)[] = []
  #standing: Standing | null = null
  #bundle: Bundle | null = null
  #seenAt = Number.NEGATIVE_INFINITY
  #failing = false
  #stopped = false

  private constructor(parts: NodeNewsParts) {
    this.#parts = parts
    this.#turns = new Turns(16)
  }

  /** Begins to look. Throws `store_unavailable` when the first look fails. */
  static async start(parts: NodeNewsParts): Promise<RunningNodeNews> {
    const news = new RunningNodeNews(parts)
    await news.look()
    parts.feed.onDeaths(died => news.#heard(new Set(died)))
    news.#ends.push(
      parts.bus.subscribe(() => void news.turn()),
      parts.timers.every(parts.pollMs, () => news.turn()),
      parts.timers.every(BEAT_MS, async () => news.beat()),
    )
    return news
  }

  /** How many nodes follow. */
  get readers(): number {
    return this.#readers.size
  }

  tell(): void {
    // Heard by every instance that looks, and nothing new to those that follow epochs.
    void this.#parts.bus.publish(Math.max(0, this.#parts.epoch()))
    void this.turn()
  }

  async follow(cursor: string | null, caller: NodeCaller): Promise<Streaming> {
    await this.look()
    this.#requireRoom(caller)
    return sink => {
      const { store, rows, crypto } = this.#parts
      const reader = new NodeReader(caller, cursor, sink, {
        ...{ store, rows, crypto },
        standing: () => this.#standing!,
        ready: again => void this.#pump(again),
      })
      // Of many that asked at once, some found room that others have taken since.
      if (this.#stopped || !this.#hasRoom(caller)) reader.end()
      this.#readers.add(reader)
      void this.#pump(reader)
      return () => {
        this.#readers.delete(reader)
        reader.end()
      }
    }
  }

  /** Looks, and tells. Never throws. */
  async turn(): Promise<void> {
    const now = this.#parts.clock.now()
    for (const reader of this.#readers) if (reader.caller.expiresAt <= now) reader.end()
    try {
      await this.look()
      if (this.#failing) this.#parts.log.info({}, 'nodes hear of changes again')
      this.#failing = false
    } catch (error) {
      if (!this.#failing && !this.#stopped)
        this.#parts.log.warn({ error: String(error) }, 'nodes hear of no changes: no look at the database')
      this.#failing = true
    }
    const behind = [...this.#readers].filter(reader => reader.behind)
    await Promise.all(behind.map(reader => this.#pump(reader)))
  }

  /** Looks at the database: what was committed before is seen then. Throws `store_unavailable`. */
  look(): Promise<void> {
    return this.#looks.run('look', () => this.#look())
  }

  /** Tells every reader that nothing happened, if that is known. */
  beat(): void {
    const now = this.#parts.clock.now()
    if (now - this.#seenAt >= STALE_MS) return
    for (const reader of this.#readers) reader.beat(now)
  }

  /** Ends every stream in good order, and those that come. Again without effect. */
  stop(): void {
    this.#stopped = true
    for (const end of this.#ends.splice(0)) end()
    for (const reader of this.#readers) reader.end()
  }

  // A killed key is no change of any entry or node.
  #heard(died: ReadonlySet<Subject>): void {
    const struck = [...this.#readers].filter(({ key }) => died.has(key))
    for (const reader of struck) {
      reader.doubt()
      void this.#pump(reader)
    }
    if (struck.length > 0) void this.#parts.feed.confirmNodes()
  }

  async #look(): Promise<void> {
    const { watch, rows, feed, authorities, clock } = this.#parts
    if (this.#stopped) throw new LanyardError('not_ready', 'this instance stops')
    const at = clock.now()
    const revision = await inTime(watch.read(() => rows.entries.revision()))
    const { feedId } = feed
    const before = this.#standing
    const isNew = before?.revision !== revision || before.feedId !== feedId
    if (isNew || this.#bundle !== authorities.bundle()) {
      const bundles = await this.#bundles(before?.bundles ?? null)
      this.#standing = { revision, feedId, bundles }
    }
    this.#seenAt = at
    // Nodes that are no more must not hear of deaths either.
    if (isNew) await feed.confirmNodes()
  }

  /** The line of the bundles: the very same object while they say the same. */
  async #bundles(before: Buffer | null): Promise<Buffer> {
    const { watch, rows, authorities } = this.#parts
    const bundle = authorities.bundle()
    const others = await inTime(watch.read(() => rows.federatedBundles.list()))
    const federated = Object.fromEntries(others.map(({ trustDomain, bundle: text }) => [trustDomain, text]))
    const line = lineOf({
      kind: 'bundles',
      trust_domain: authorities.trustDomain,
      bundle: bundle.toJson(),
      federated,
    })
    this.#bundle = bundle
    return before?.equals(line) ? before : line
  }

  async #pump(reader: NodeReader): Promise<void> {
    try {
      await this.#turns.run(reader, () => reader.pump())
    } catch (error) {
      // What cannot be read now is told by a later turn.
      this.#parts.log.debug({ error: String(error) }, 'a node could not be told')
    }
  }

  #hasRoom({ node }: NodeCaller): boolean {
    let own = 0
    for (const reader of this.#readers) if (reader.caller.node === node) own++
    return own < MOST_OF_ONE
  }

  #requireRoom(caller: NodeCaller): void {
    if (this.#hasRoom(caller)) return
    throw new LanyardError('rate_limited', `expected at most ${MOST_OF_ONE} streams of ${identityOf(caller)}`, {
      retry_after_sec: 1,
    })
  }
}
