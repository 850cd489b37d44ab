import type { Step } from '@lanyard/authority'
import type { FeedLine } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { encodeFeedLine, parseFeedLine } from '../../packages/protocol/src/feed/line.ts'
import { type Change, Changes, told } from '../../packages/server/src/feed/changes.ts'
import { look, type Sight, type SightPorts } from '../../packages/server/src/feed/sight.ts'
import { Act } from './act.ts'
import type { Clocks } from './clocks.ts'
import type { Client, DatabaseServer } from './database-server.ts'
import { type AuthorityFaults, run, type Site, siteOf } from './programs.ts'
import type { Timeline } from './timeline.ts'

/** What an instance can be made to do wrong. */
export interface InstanceFaults {
  /** Looks at the database when the bus says so, and at no other time. */
  readonly busWithoutPolling?: boolean
  /** Says that its news is as old as the end of the look, not as its begin. */
  readonly asOfAfterRead?: boolean
}

/** Who follows the feed of an instance. */
export interface FeedReader {
  line(line: FeedLine): void
  closed(): void
}

const POLL_MS = 200
const HEARTBEAT_MS = 1000
const AGAIN_MS = [10, 30]
const TEMPLATE = '/{tenant}/{agent}'

/** One instance of the authority: it looks at the database and tells what it saw, as server/feed does. */
export class Instance implements Client {
  readonly name: string
  readonly clocks: Clocks
  readonly site: Site
  up = true
  linked = true
  /** Goes on with heartbeats although it cannot look; their as_of stays. */
  talksOn = false
  readonly #timeline: Timeline
  readonly #server: DatabaseServer
  readonly #faults: InstanceFaults
  readonly #readers = new Set<FeedReader>()
  #life = 0
  #sight: Sight | null = null
  #changes: Changes | null = null
  #looking = false
  #again = false
  #toldAt = Number.NEGATIVE_INFINITY
  readonly #waiting = new Map<FeedReader, () => void>()

  constructor(
    name: string,
    clocks: Clocks,
    ports: { timeline: Timeline; server: DatabaseServer },
    faults: InstanceFaults & AuthorityFaults,
  ) {
    this.name = name
    this.clocks = clocks
    this.#timeline = ports.timeline
    this.#server = ports.server
    this.#faults = faults
    this.site = siteOf(ports.server.database, () => Math.floor(clocks.now().wall), faults)
  }

  start(): void {
    const life = ++this.#life
    this.up = true
    this.look()
    this.#timeline.every(POLL_MS, () => {
      if (life !== this.#life || !this.up) return false
      if (!this.#faults.busWithoutPolling) this.look()
      else this.#trustTheBus()
      if (this.talksOn && !this.linked) this.#pulse()
      return true
    })
  }

  crash(): void {
    this.up = false
    for (const reader of [...this.#readers, ...this.#waiting.keys()]) reader.closed()
    this.#readers.clear()
    this.#sight = null
    this.#changes = null
    this.#looking = this.#again = false
    this.#waiting.clear()
  }

  /** A message of the bus. */
  heard(epoch: number): void {
    if (this.up && epoch > (this.#sight?.epoch ?? -1)) this.look()
  }

  /** Looks once; whoever asks meanwhile gets a look that begins after the question. */
  look(): void {
    if (this.#looking) {
      this.#again = true
      return
    }
    this.#looking = true
    const life = this.#life
    const asOf = Math.floor(this.clocks.now().wall)
    this.#server.run(this, run(new Act(this.site.database, `${this.name} looks`, null, this.#step(asOf))), sight => {
      if (life !== this.#life) return
      this.#looking = false
      if (sight !== undefined) this.#saw(sight)
      if (this.#again) {
        this.#again = false
        this.look()
      }
    })
  }

  /** The lines that lead a reader on, once a look has succeeded; then all that comes. */
  follow(from: { readonly epoch: number; readonly feedId: string } | null, reader: FeedReader): void {
    this.#waiting.set(reader, () => {
      for (const line of this.#opening(from)) reader.line(line)
      this.#readers.add(reader)
    })
    this.look()
  }

  leave(reader: FeedReader): void {
    this.#readers.delete(reader)
    this.#waiting.delete(reader)
  }

  get feedId(): string | null {
    return this.#sight && feedIdOf(this.#sight)
  }

  /** The step of the real look. It asks for the time once, when it begins. */
  #step(asOf: number): () => Step<Sight> {
    const steps: (() => Step<Sight>)[] = []
    const store = { read: (step: () => Step<Sight>) => new Promise(() => steps.push(step)) }
    const ports = { store, rows: this.site.rows, clock: { now: () => asOf } } as unknown as SightPorts
    void look(this.#sight, ports)
    return steps[0]!
  }

  #saw(seen: Sight): void {
    const sight = this.#faults.asOfAfterRead ? { ...seen, asOf: Math.floor(this.clocks.now().wall) } : seen
    const before = this.#sight
    this.#sight = sight
    if (before === null || this.#changes === null || sight.told === 'all') {
      this.#changes = new Changes(sight.deaths, sight.epoch, nodeCrypto)
      this.#tell(this.#snapshot(this.#changes))
    } else if (sight.epoch > before.epoch) {
      const came = this.#changes.read(sight.deaths)
      this.#changes.add(came)
      const line = this.#delta(before.epoch, came)
      this.#tell(line)
      if (came.length > 0) for (const ms of AGAIN_MS) this.#timeline.after(ms, () => this.#tell(line))
    } else this.#pulse()
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const open of waiting) open()
  }

  /** It would have been told: so what was seen last is what is. */
  #trustTheBus(): void {
    if (this.#sight === null) this.look()
    else {
      this.#sight = { ...this.#sight, asOf: Math.floor(this.clocks.now().wall) }
      this.#pulse()
    }
  }

  #opening(from: { readonly epoch: number; readonly feedId: string } | null): readonly FeedLine[] {
    const { epoch } = this.#sight!
    const changes = this.#changes!
    const missed = from && from.feedId === this.feedId && from.epoch <= epoch ? changes.since(from.epoch) : null
    return [missed === null ? this.#snapshot(changes) : this.#delta(from!.epoch, missed)]
  }

  #pulse(): void {
    if (this.#sight !== null && this.#timeline.now - this.#toldAt >= HEARTBEAT_MS - 20)
      this.#tell(this.#delta(this.#sight.epoch, []))
  }

  #tell(line: FeedLine): void {
    this.#toldAt = this.#timeline.now
    for (const reader of this.#readers) reader.line(line)
  }

  #snapshot(changes: Changes): FeedLine {
    return this.#line({ kind: 'snapshot', prev: 0, template: TEMPLATE, ...told(changes.all(this.#sight!.asOf)) })
  }

  #delta(prev: number, changes: readonly Change[]): FeedLine {
    return this.#line({ kind: 'delta', prev, ...told(changes) })
  }

  /** As it would come over the wire. */
  #line(line: Pick<FeedLine, 'kind' | 'prev' | 'deaths' | 'rebirths' | 'template'>): FeedLine {
    const { epoch, asOf } = this.#sight!
    const whole = { ...line, feedId: this.feedId!, instance: this.name, epoch, asOf }
    return parseFeedLine(encodeFeedLine(whole as FeedLine))
  }
}

const feedIdOf = ({ place }: Sight) => `feed-${place.replace('timeline ', '')}`
