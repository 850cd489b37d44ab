import type { Streaming } from '@lanyard/api'
import { type Caller, identityOf, requireStanding, type Store } from '@lanyard/authority'
import { Deaths, type Subject } from '@lanyard/protocol'
import type { Bus } from '../bus/bus.ts'
import type { Feed, FeedPosition } from '../http/ports.ts'
import type { Timers } from '../instance/timers.ts'
import { Turns } from '../node-news/turns.ts'
import type { StoreRows } from '../store/ports.ts'
import { type Change, told } from './changes.ts'
import type { EpochMark } from './epoch-mark.ts'
import { feedSeed } from './feed-id.ts'
import { Hub, type HubParts, type HubStats } from './hub.ts'
import type { Sight } from './sight.ts'
import { Watcher, type WatcherParts } from './watcher.ts'

export interface FeedParts extends Omit<HubParts, 'seed'>, Omit<WatcherParts, 'saw'> {
  readonly store: Store
  /** Where it looks. */
  readonly watch: Pick<Store, 'read'>
  readonly rows: StoreRows
  readonly bus: Bus
  readonly timers: Timers
  /** Of a store that cannot tell by itself whether it was put back. */
  readonly mark?: EpochMark
  /** Between two looks at the database that nobody asked for. */
  readonly pollMs: number
}

/** How often it is asked whether readers may still read. Deaths cut the connections of agents without being asked for. */
const CONFIRM_MS = 10_000

/** How often the epoch is marked, if it changed. */
const MARK_MS = 1000

/** The feed as it runs in an instance. */
export class RunningFeed implements Feed {
  readonly #parts: FeedParts
  readonly #hub: Hub
  readonly #watcher: Watcher
  readonly #deaths: Deaths
  readonly #onEpoch: ((epoch: number) => void)[] = []
  readonly #onDeaths: ((died: readonly Subject[]) => void)[] = []
  readonly #ends: (() => void)[] = []
  readonly #turns = new Turns(1)
  #epoch = -1
  /** The bus told of an epoch that was not there: it is believed again after the next look. */
  #deceived = false

  private constructor(parts: FeedParts, seed: string) {
    this.#parts = parts
    this.#deaths = new Deaths(parts.crypto)
    this.#hub = new Hub({ ...parts, seed })
    this.#watcher = new Watcher({ ...parts, store: parts.watch, saw: sight => this.#saw(sight) })
  }

  /** Begins to look. Throws `store_unavailable` when the first look fails. */
  static async start(parts: FeedParts): Promise<RunningFeed> {
    const feed = new RunningFeed(parts, await feedSeed(parts, epoch => parts.mark?.contradicts(epoch) ?? false))
    try {
      await feed.#watcher.look()
    } catch (error) {
      await feed.stop()
      throw error
    }
    feed.#ends.push(
      parts.bus.subscribe(epoch => feed.#heard(epoch)),
      parts.timers.every(parts.pollMs, () => feed.turn()),
      parts.timers.every(MARK_MS, () => feed.#mark()),
      parts.timers.every(CONFIRM_MS, () => feed.confirm()),
    )
    return feed
  }

  get feedId(): string {
    return this.#hub.feedId
  }

  get stats(): HubStats & { readonly epoch: number; readonly asOf: number | null } {
    return { ...this.#hub.stats, epoch: this.#epoch, asOf: this.#watcher.sight?.asOf ?? null }
  }

  get deaths(): Deaths {
    return this.#deaths
  }

  glance(): Promise<void> {
    return this.#watcher.glance()
  }

  async follow(from: FeedPosition | null, caller: Caller): Promise<Streaming> {
    const { store, rows, clock } = this.#parts
    // News of this moment: a reader that comes back waits for no heartbeat.
    await this.#watcher.look()
    const act = () => ({ caller, at: clock.now(), source: null, correlation: null })
    const confirm = () => store.read(() => requireStanding(rows, act()))
    return await this.#hub.follow(from, { reader: identityOf(caller), until: caller.expiresAt, confirm })
  }

  tell(epoch: number): void {
    void this.#parts.bus.publish(epoch)
    if (epoch > this.#epoch) void this.#watcher.glance()
  }

  onEpoch(listener: (epoch: number) => void): void {
    this.#onEpoch.push(listener)
  }

  onDeaths(listener: (died: readonly Subject[]) => void): void {
    this.#onDeaths.push(listener)
  }

  /** Ends every stream in good order; no line is told from now on. Again without effect. */
  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    this.#watcher.stop()
    this.#hub.end()
    await this.#mark()
    await this.#parts.bus.close()
  }

  /** Looks, and ends the streams of those whose credentials have ended. */
  async turn(): Promise<void> {
    this.#deceived = false
    await this.#watcher.glance()
    this.#hub.sweep(this.#parts.clock.now())
  }

  async #mark(): Promise<void> {
    try {
      await this.#parts.mark?.put(this.#epoch)
    } catch (error) {
      this.#parts.log.warn({ error: String(error) }, 'the mark of the feed could not be written')
    }
  }

  /** Asks for every reader whether its credential still counts. */
  confirm(): Promise<void> {
    this.#deaths.purge(this.#parts.clock.now())
    return this.#hub.confirm()
  }

  confirmNodes(): Promise<void> {
    return this.#hub.confirm(reader => reader.startsWith('node:'))
  }

  // The end of an API key moves the epoch, and is the death of nobody whom the feed names.
  #confirmKeys(): Promise<void> {
    return this.#turns.run('keys', () => this.#hub.confirm(reader => reader.startsWith('api-key:')))
  }

  async #heard(epoch: number): Promise<void> {
    if (epoch <= this.#epoch || this.#deceived) return
    await this.#watcher.glance()
    this.#deceived = epoch > this.#epoch
  }

  async #saw(sight: Sight): Promise<void> {
    const came = await this.#hub.saw(sight)
    const isNew = sight.epoch !== this.#epoch
    this.#epoch = sight.epoch
    this.#bury(sight, came)
    if (!isNew) return
    for (const listener of this.#onEpoch) listener(sight.epoch)
    void this.#confirmKeys()
  }

  #bury({ told: kind, epoch, asOf }: Sight, came: readonly Change[]): void {
    if (came.length === 0 && kind === 'changes') return
    const { feedId } = this.#hub
    const line = { feedId, instance: this.#parts.instance, epoch, prev: 0, asOf, ...told(came) }
    const died =
      kind === 'all'
        ? this.#deaths.replaceBy({ ...line, kind: 'snapshot' })
        : this.#deaths.apply({ ...line, kind: 'delta' })
    for (const listener of this.#onDeaths) listener(died)
  }
}
