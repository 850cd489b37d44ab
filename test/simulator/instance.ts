import type { FeedLine } from '@lanyard/protocol'
import type { Sight } from '../../packages/server/src/feed/sight.ts'
import { Act } from './act.ts'
import type { Clocks } from './clocks.ts'
import type { Client, DatabaseServer } from './database-server.ts'
import { type AuthorityFaults, run, type Site, siteOf } from './programs.ts'
import { type Position, Teller } from './teller.ts'
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
  #teller: Teller
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
    this.#teller = new Teller(name)
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
    this.#teller = new Teller(this.name)
    this.#looking = this.#again = false
    this.#waiting.clear()
  }

  /** A message of the bus. */
  heard(epoch: number): void {
    if (this.up && epoch > (this.#teller.epoch ?? -1)) this.look()
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
    this.#server.run(
      this,
      run(new Act(this.site.database, `${this.name} looks`, null, this.#teller.step(this.site, asOf))),
      sight => {
        if (life !== this.#life) return
        this.#looking = false
        if (sight !== undefined) this.#saw(sight)
        if (this.#again) {
          this.#again = false
          this.look()
        }
      },
    )
  }

  /** The lines that lead a reader on, once a look has succeeded; then all that comes. */
  follow(from: Position | null, reader: FeedReader): void {
    this.#waiting.set(reader, () => {
      reader.line(this.#teller.opening(from))
      this.#readers.add(reader)
    })
    this.look()
  }

  leave(reader: FeedReader): void {
    this.#readers.delete(reader)
    this.#waiting.delete(reader)
  }

  #saw(seen: Sight): void {
    const sight = this.#faults.asOfAfterRead ? { ...seen, asOf: Math.floor(this.clocks.now().wall) } : seen
    const line = this.#teller.saw(sight)
    if (line === null) this.#pulse()
    else {
      this.#tell(line)
      if (line.kind === 'delta' && line.deaths.length > 0)
        for (const ms of AGAIN_MS) this.#timeline.after(ms, () => this.#tell(line))
    }
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const open of waiting) open()
  }

  /** It would have been told: so what was seen last is what is. */
  #trustTheBus(): void {
    if (this.#teller.epoch === null) this.look()
    this.#teller.seenAgain(Math.floor(this.clocks.now().wall))
    this.#pulse()
  }

  #pulse(): void {
    const line = this.#timeline.now - this.#toldAt >= HEARTBEAT_MS - 20 ? this.#teller.pulse() : null
    if (line !== null) this.#tell(line)
  }

  #tell(line: FeedLine): void {
    this.#toldAt = this.#timeline.now
    for (const reader of this.#readers) reader.line(line)
  }
}
