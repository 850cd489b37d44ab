import type { CertificateState } from '@lanyard/authority'
import { type Credential, clockSample, type FeedLine, type Follower, type Subject } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { Clocks } from './clocks.ts'
import type { Dice } from './dice.ts'
import type { FeedReader, Instance } from './instance.ts'
import type { Network } from './network.ts'
import type { Timeline } from './timeline.ts'

export const BUDGET_MS = 3000
export const GRACE_MS = 1000
export const HEARTBEAT_MS = 1000
const SAMPLE_MS = 5000

/** What a caller shows: its certificate, and what that is to the feed. */
export interface Shown {
  readonly certificate: CertificateState
  readonly credential: Credential
}

export type Answer = 'accepted' | 'dead' | 'stale' | 'expired'

/** Makes what a point knows; tests plant faulty ones. */
export type MakeFollower = (options: ConstructorParameters<typeof Follower>[0]) => Follower

interface Connection extends FeedReader {
  readonly instance: Instance
  readonly last: { at: number; lostUntil: number }
}

/** An enforcement point: a follower of the feed, and a guard that does what the follower says. */
export class Point {
  readonly name: string
  readonly clocks: Clocks
  readonly follower: Follower
  /** Streams that were let in and go on. */
  readonly open = new Map<Shown, number>()
  /** Where its process stands still, until then. */
  stoppedUntil = 0
  acked = 0
  regressions = 0
  readonly #timeline: Timeline
  readonly #network: Network
  readonly #dice: Dice
  readonly #instances: readonly Instance[]
  readonly #cutsDead: boolean
  #connection: Connection | null = null
  #heardAt = 0
  #inbox: (() => void)[] = []
  #ticked = 0

  constructor(
    name: string,
    clocks: Clocks,
    ports: { timeline: Timeline; network: Network; dice: Dice; instances: readonly Instance[] },
    { makeFollower, cutsDead }: { readonly makeFollower: MakeFollower; readonly cutsDead: boolean },
  ) {
    this.name = name
    this.clocks = clocks
    this.#timeline = ports.timeline
    this.#network = ports.network
    this.#dice = ports.dice
    this.#instances = ports.instances
    this.#cutsDead = cutsDead
    const times = { budgetMs: BUDGET_MS, graceMs: GRACE_MS, heartbeatMs: HEARTBEAT_MS }
    this.follower = makeFollower({ ...times, crypto: nodeCrypto })
  }

  start(): void {
    this.#connect()
    this.#timeline.every(SAMPLE_MS, () => this.#whenRunning(() => this.#sample()))
    this.#timeline.every(100, () => this.#whenRunning(() => this.#tick()))
  }

  get stopped(): boolean {
    return this.#timeline.now < this.stoppedUntil
  }

  get connectedTo(): string | null {
    return this.#connection?.instance.name ?? null
  }

  /** A request: its answer, and a stream that goes on when it was let in and is one. */
  ask(shown: Shown, asStream: boolean, answer: (answer: Answer) => void): void {
    this.#whenRunning(() => {
      const verdict = this.#judge(shown)
      if (verdict === 'accepted' && asStream) this.open.set(shown, this.#timeline.now)
      answer(verdict)
    })
  }

  /** The process stands still for a while; what comes waits. A machine that sleeps does not count its time. */
  stop(ms: number, asleep: boolean): void {
    if (this.stopped) return
    this.stoppedUntil = this.#timeline.now + ms
    this.#timeline.after(ms, () => {
      if (asleep) this.clocks.sleep(ms)
      this.#goOn()
    })
  }

  #goOn(): void {
    // Timers come first: the tick notices how late it is before anything that waited is looked at.
    this.#tick()
    const waiting = this.#inbox
    this.#inbox = []
    // Sockets are read in no order that anyone promises.
    while (waiting.length > 0) waiting.splice(this.#dice.chance(0.8) ? 0 : waiting.length - 1, 1)[0]!()
  }

  #judge({ certificate, credential }: Shown): Answer {
    const now = this.clocks.now()
    const second = Math.floor(now.wall / 1000)
    if (second < certificate.notBefore || second > certificate.notAfter) return 'expired'
    if (this.follower.standing(now) !== 'fresh') return 'stale'
    return this.follower.deaths.judge(credential) === 'alive' ? 'accepted' : 'dead'
  }

  #receive(line: FeedLine, connection: Connection): void {
    if (connection !== this.#connection) return
    this.#heardAt = this.clocks.now().monotonic
    const { dead, ackEpoch, resync, regressed } = this.follower.receive(line, this.clocks.now())
    if (regressed !== null) {
      this.regressions++
      this.#timeline.tell(`${this.name} regressed: ${regressed}`)
    }
    if (this.#cutsDead) this.#cut(line.kind === 'snapshot' ? null : new Set(dead))
    if (ackEpoch !== null) this.acked = ackEpoch
    if (resync) this.#connect()
  }

  /** Ends the streams of the dead; null: judges all. */
  #cut(dead: ReadonlySet<Subject> | null): void {
    if (dead?.size === 0) return
    const { deaths } = this.follower
    for (const shown of this.open.keys()) {
      const concerned = dead === null || deaths.subjectsOf(shown.credential).some(subject => dead.has(subject))
      if (concerned && deaths.judge(shown.credential) !== 'alive') this.open.delete(shown)
    }
  }

  #tick(): void {
    const now = this.clocks.now()
    if (now.monotonic - this.#ticked > HEARTBEAT_MS && this.#ticked > 0) this.follower.stalled(now)
    this.#ticked = now.monotonic
    if (this.follower.standing(now) === 'over') this.open.clear()
    if (this.follower.clockWanted(now)) this.#sample()
    if (now.monotonic - this.#heardAt > 2.5 * HEARTBEAT_MS) this.#connect()
  }

  #connect(): void {
    this.#connection?.instance.leave(this.#connection)
    const instance = this.#dice.pick(this.#instances)
    const connection: Connection = {
      instance,
      last: { at: 0, lostUntil: 0 },
      line: line =>
        this.#network.line(instance.name, this.name, connection.last, () =>
          this.#whenRunning(() => this.#receive(line, connection)),
        ),
      closed: () => this.#timeline.after(50, () => this.#whenRunning(() => this.#lost(connection))),
    }
    this.#connection = connection
    this.#heardAt = this.clocks.now().monotonic
    this.follower.reconnected(this.clocks.now())
    const { since } = this.follower
    this.#network.send(this.name, instance.name, () => {
      if (instance.up) instance.follow(since, connection)
      else connection.closed()
    })
    this.#sample()
  }

  #lost(connection: Connection): void {
    if (connection === this.#connection) this.#connect()
  }

  /** Compares its clock with that of the instance whose lines it follows. */
  #sample(): void {
    const connection = this.#connection
    if (connection === null) return
    const { instance } = connection
    const sent = this.clocks.now()
    this.#network.send(this.name, instance.name, () => {
      if (!instance.up) return
      const theirs = instance.clocks.now().wall
      this.#network.send(instance.name, this.name, () =>
        this.#whenRunning(() => {
          const got = this.clocks.now()
          const sample = clockSample({ sent, got }, { receivedAt: theirs, answeredAt: theirs })
          if (connection === this.#connection && sample !== null) this.follower.clock(sample, got)
        }),
      )
    })
  }

  #whenRunning(act: () => void): undefined {
    if (this.stopped) this.#inbox.push(act)
    else act()
  }
}
