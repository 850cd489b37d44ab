import { randomUUID } from 'node:crypto'
import { FeedVerifier, Follower, type Now, type Received } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { Link } from '../client/link.ts'
import type { IdentityError } from '../errors.ts'
import type { Svid } from '../identity/svid.ts'
import type { TimeSource } from '../time.ts'
import { Acks } from './acks.ts'
import { Comparison } from './clock.ts'
import { FeedConnection } from './connection.ts'
import { type Enrolment, Lease } from './lease.ts'
import type { Liveness, LivenessMode } from './options.ts'

export interface PointPorts {
  readonly url: URL
  readonly time: TimeSource
  readonly liveness: Liveness
  /** The newest certificate. */
  readonly svid: () => Svid
  /** At least 0, below 1. */
  readonly random: () => number
  /** What it does without news; it may change. */
  readonly mode: () => LivenessMode
  /** How many connections it guards. */
  readonly sessions: () => number
  /** A line came: whom it concerns is judged anew, all by a `whole` one. Gives what was done about it. */
  readonly heard: (received: Received, whole: boolean) => Done
  /** The connection to the authority is gone; another one is tried at once. */
  readonly lost: (error: IdentityError) => void
  readonly failed: (error: IdentityError, shown: object) => void
}

/** What a line had as its consequence. */
export interface Done {
  /** Connections and streams that were ended. */
  readonly cut: number
  /** When somebody of them was last let in, by the steady clock; null: never. */
  readonly lastAccept: number | null
}

/** Part of the budget after which a connection that brings no news is replaced. */
const PATIENCE = 0.6
/** Longest wait of a new connection for its moment. */
const MOST_LATE_MS = 200
/** Between two comparisons of clocks that do not fit. */
const AGAIN_MS = 1_000

/** An enforcement point: follows the feed, holds a lease, and says what it has applied. */
export class Point {
  readonly id = randomUUID()
  readonly follower: Follower
  readonly #ports: PointPorts
  readonly #patienceMs: number
  readonly #comparison = new Comparison()
  readonly #verifier: FeedVerifier
  readonly #connection: FeedConnection
  readonly #lease: Lease
  readonly #acks: Acks
  #newest = ''
  #regressed: string | null = null
  #enrolledAt = Number.NEGATIVE_INFINITY

  constructor(ports: PointPorts) {
    this.#ports = ports
    const { url, time, liveness, svid, random, failed } = ports
    this.#patienceMs = Math.round(Math.max(PATIENCE * liveness.budgetMs, 1.5 * liveness.heartbeatMs))
    this.follower = new Follower({ ...liveness, crypto: nodeCrypto })
    const roots = () => svid().roots.x509Authorities
    const isEvicted = (keyId: string) => this.follower.deaths.isEvicted(keyId)
    this.#verifier = new FeedVerifier({ trustDomain: svid().trustDomain, roots, crypto: nodeCrypto, isEvicted })
    this.#connection = new FeedConnection({
      ...{ url, time, svid, random, failed },
      patienceMs: Math.max(1_000, this.#patienceMs),
      since: () => this.follower.since,
      opened: (link, gap) => this.#opened(link, gap),
      taken: () => this.#acks.flush(),
      lost: ports.lost,
      line: text => this.#line(text),
    })
    const shared = { time, failed, link: () => this.#connection.link }
    this.#lease = new Lease({
      ...shared,
      describe: () => this.#describe(),
      enrolled: ({ regressed }) => this.#toldOf(regressed),
      compared: (sample, now) => this.#comparison.take(sample, now) && this.follower.clock(sample, now),
    })
    this.#acks = new Acks({ ...shared, enrol: () => this.#lease.renew() })
  }

  /** The connection to the authority; null: there is none at present. */
  get link(): Link | null {
    return this.#connection.link
  }

  now(): Now {
    const { time } = this.#ports
    return { wall: time.now(), monotonic: time.monotonic() }
  }

  start(): void {
    this.#connection.open()
  }

  /** There is a new certificate: the connection is made anew with it, and serves until then. */
  renewed(): void {
    this.#connection.renewed()
  }

  /** The process has stood still: asks for news of this moment. */
  stalled(now: Now): void {
    this.follower.stalled(now)
    // What the clocks are unsure of must have passed, or the news would seem older than the end of the stall.
    const wait = Math.min(MOST_LATE_MS, 2 * (this.#comparison.uncertaintyMs ?? 0))
    this.#ports.time.after(wait, () => this.#connection.open(true))
  }

  /** Looks after the connection and the clocks, every now and then. */
  look(now: Now): void {
    const late =
      this.follower.age(now) > this.#patienceMs && now.monotonic - this.#connection.triedAt > this.#patienceMs
    if (late) this.#connection.open(true)
    if (this.#comparison.wasSet(now) && now.monotonic - this.#enrolledAt > AGAIN_MS) this.enrol()
  }

  /** Renews the lease now: what it says has changed, or the clocks have. */
  enrol(): void {
    this.#enrolledAt = this.#ports.time.monotonic()
    void this.#lease.renew()
  }

  stop(): void {
    this.#lease.stop()
    this.#acks.stop()
    this.#connection.stop()
  }

  #opened(link: Link, gap: boolean): void {
    if (gap) this.follower.reconnected(this.now())
    this.#newest = ''
    void this.#lease.renew(link)
  }

  #line(text: string): void {
    // A line that tells a death comes three times, lest a lost packet delay it.
    if (text === this.#newest) return
    const now = this.now()
    const line = this.#verifier.verify(text, this.follower.authorityTime(now))
    this.#newest = text
    const received = this.follower.receive(line, now)
    const done = this.#ports.heard(received, line.kind === 'snapshot')
    if (received.ackEpoch !== null) this.#acknowledge(received.ackEpoch, done)
    if (received.regressed !== null) this.#regressed = received.regressed.slice(0, 256)
    // The next connection enrols anew, and says so.
    if (received.resync) this.#connection.drop()
    else if (received.regressed !== null) this.enrol()
  }

  #acknowledge(epoch: number, { cut, lastAccept }: Done): void {
    const now = this.now()
    const timeOf = (monotonic: number) => this.#comparison.timeOf(monotonic, now)
    const applied = {
      point: this.id,
      feedId: this.follower.feedId ?? '',
      epoch,
      appliedAt: timeOf(now.monotonic),
      lastAccept: lastAccept === null ? null : timeOf(lastAccept),
      offsetMs: this.#comparison.offsetMs ?? 0,
      uncertaintyMs: this.#comparison.uncertaintyMs ?? 0,
    }
    this.#acks.applied(applied, cut)
  }

  #describe(): Enrolment {
    const { liveness, mode, sessions } = this.#ports
    const regressed = this.#regressed
    return {
      point: this.id,
      name: liveness.name,
      mode: mode(),
      budget_ms: liveness.budgetMs,
      grace_ms: liveness.graceMs,
      epoch: this.follower.epoch,
      as_of: this.follower.asOf,
      offset_ms: this.#comparison.offsetMs,
      uncertainty_ms: this.#comparison.uncertaintyMs,
      sessions: sessions(),
      ...(regressed === null ? {} : { regressed }),
    }
  }
  /** What was not told before the connection ended is told over the next one. */
  #toldOf(regressed: string | undefined): void {
    if (this.#regressed === regressed) this.#regressed = null
  }
}
