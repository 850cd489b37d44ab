import { Follower } from '@lanyard/protocol'
import { type AgentPorts, SimulatedAgent } from './agents.ts'
import { Clocks, EPOCH } from './clocks.ts'
import { DatabaseServer } from './database-server.ts'
import { Dice } from './dice.ts'
import { CLOCK_ERROR_MS, Disturbances, type Trouble } from './disturbances.ts'
import { Instance, type InstanceFaults } from './instance.ts'
import { Network } from './network.ts'
import { Operator } from './operator.ts'
import { type Answer, BUDGET_MS, GRACE_MS, type MakeFollower, Point, type Shown } from './point.ts'
import { type AuthorityFaults, agentState, operatorKey, tenantState } from './programs.ts'
import { StoreRules } from './store-rules.ts'
import { Timeline } from './timeline.ts'
import { Truth } from './truth.ts'
import { Violation } from './violation.ts'

/** What a test plants. */
export interface Faults extends AuthorityFaults, InstanceFaults {
  readonly makeFollower?: MakeFollower
  /** A death ends no stream that is open. */
  readonly streamsGoOn?: boolean
  /** All that goes wrong; everything that can, when absent. */
  readonly troubles?: readonly Trouble[]
  /** Kills all the time. */
  readonly brisk?: boolean
}

export interface Told {
  readonly seed: number
  readonly minutes: number
  /** Things that happened, one after the other. */
  readonly moments: number
  readonly statements: number
  readonly kills: number
  readonly answers: Readonly<Record<Answer, number>>
  readonly regressions: number
  /** From the commit to the last accept of the dead, in milliseconds of true time. */
  readonly latestAccept: number
  /** Of all that was written down: the same seed, the same trace. */
  readonly digest: string
}

/**
 * Later than the budget, for what no point can know: instances date their news by their own clocks, which differ, and a
 * point that changes from one to the other takes the error of both.
 */
const SLACK_MS = 2 * CLOCK_ERROR_MS + 20
/** A point looks at its streams ten times a second. */
const TICK_MS = 150
/** How long all must be well before a living caller is owed an answer. */
const SETTLED_MS = 8000
const INSTANCES = ['one', 'two', 'three']
const POINTS = ['p1', 'p2', 'p3']
const AGENTS = [
  { tenant: 'acme', agent: 'alice' },
  { tenant: 'acme', agent: 'bob' },
  { tenant: 'acme', agent: 'carol' },
  { tenant: 'beta', agent: 'dave' },
  { tenant: 'beta', agent: 'eve' },
]

/** Instances, points, agents, an operator, and all that goes wrong between them, from one seed. */
export class World {
  readonly #seed: number
  readonly #timeline: Timeline
  readonly #server: DatabaseServer
  readonly #instances: readonly Instance[]
  readonly #points: readonly Point[]
  readonly #agents: readonly SimulatedAgent[]
  readonly #operator: Operator
  readonly #disturbances: Disturbances
  readonly #network: Network
  readonly #rules = new StoreRules()
  readonly #truth = new Truth()
  readonly #answers: Record<Answer, number> = { accepted: 0, dead: 0, stale: 0, expired: 0 }
  #epoch = 0
  #historyLost = false
  #numbers = 0
  #latestAccept = 0

  constructor(seed: number, faults: Faults = {}, listener: ((line: string) => void) | null = null) {
    this.#seed = seed
    const dice = new Dice(seed)
    const timeline = new Timeline(listener)
    const network = new Network(timeline, dice)
    const server = new DatabaseServer(timeline, dice, (_, client) => this.#committed(client))
    this.#timeline = timeline
    this.#network = network
    this.#server = server
    const clock = (error: number) => new Clocks(timeline, dice.between(-error, error), dice.between(-1e-4, 1e-4))
    this.#instances = INSTANCES.map(name => new Instance(name, clock(CLOCK_ERROR_MS), { timeline, server }, faults))
    const guard = { makeFollower: faults.makeFollower ?? (it => new Follower(it)), cutsDead: !faults.streamsGoOn }
    const shared = { timeline, network, dice, server, instances: this.#instances }
    this.#points = POINTS.map(name => new Point(name, clock(5000), shared, guard))
    const ports: AgentPorts = {
      ...shared,
      points: this.#points,
      fresh: () => ++this.#numbers,
      answered: (shown, point, answer) => this.#answered(shown, point, answer),
    }
    this.#agents = AGENTS.map(key => new SimulatedAgent(key, ports))
    this.#operator = new Operator({ ...shared, agents: this.#agents, pauseMs: faults.brisk ? 1500 : 12_000 })
    const lost = (until: number) => this.#lost(until)
    this.#disturbances = new Disturbances(
      { ...shared, points: this.#points, lossy: dice.chance(0.5), lost },
      faults.troubles,
    )
    this.#populate()
  }

  /** Lets so many minutes pass, then sets all right and looks whether everybody agrees. */
  run(minutes: number): Told {
    for (const one of [...this.#instances, ...this.#points, ...this.#agents]) one.start()
    this.#operator.start()
    this.#disturbances.start()
    this.#timeline.every(250, () => void this.#checkStreams())
    this.#timeline.runUntil(minutes * 60_000)
    this.#operator.stop()
    this.#disturbances.stop()
    this.#timeline.runUntil(minutes * 60_000 + 30_000)
    this.#checkAgreement()
    return {
      seed: this.#seed,
      minutes,
      moments: this.#timeline.happened,
      statements: this.#server.statements,
      kills: this.#operator.acknowledged.size,
      answers: this.#answers,
      regressions: this.#points.reduce((sum, { regressions }) => sum + regressions, 0),
      latestAccept: this.#latestAccept,
      digest: this.#timeline.digest(),
    }
  }

  #populate(): void {
    const given = this.#server.database.begin('given')
    for (const tenant of new Set(AGENTS.map(one => one.tenant))) given.put('tenants', tenant, tenantState(tenant))
    for (const key of AGENTS)
      given.put('agents', `${key.tenant}/${key.agent}`, agentState(key, key.agent === 'bob' ? 'bronze' : 'restricted'))
    given.put('epoch', 'one', { value: 0 })
    given.put('api_keys', operatorKey.id, operatorKey)
    given.commit(0)
  }

  #committed(client: { readonly name: string }): void {
    const { database } = this.#server
    const { now } = this.#timeline
    this.#rules.check(database, EPOCH + now + 2 * CLOCK_ERROR_MS)
    this.#truth.observe(database, now)
    database.forget(now - 5000)
    const { value } = database.committed('epoch/one') as { value: number }
    if (value === this.#epoch) return
    this.#epoch = value
    this.#timeline.tell(`epoch ${value}`)
    for (const instance of this.#instances) this.#network.bus(() => instance.heard(value))
    this.#disturbances.killed(client)
  }

  #lost(until: number): void {
    this.#timeline.tell('a part of history is lost')
    this.#truth.forget(until, this.#points)
    this.#rules.reset(this.#server.database)
    this.#epoch = -1
    this.#historyLost = true
    for (const [incident, at] of this.#operator.acknowledged)
      if (at > until) this.#operator.acknowledged.delete(incident)
  }

  #answered(shown: Shown, point: Point, answer: Answer): void {
    this.#answers[answer]++
    const who = `${shown.certificate.agent} of incarnation ${shown.certificate.incarnation} at ${point.name}`
    this.#timeline.tell(`${answer} ${who}`)
    if (answer === 'accepted') this.#checkAccept(shown, point, who)
    else this.#checkRefusal(shown, point, answer, who)
  }

  #checkAccept(shown: Shown, point: Point, who: string): void {
    const { now } = this.#timeline
    const diedAt = this.#truth.diedAt(shown)
    if (diedAt !== null) {
      if (this.#isUnrecorded(shown)) return
      this.#latestAccept = Math.max(this.#latestAccept, now - diedAt)
      if (now > diedAt + BUDGET_MS + SLACK_MS)
        this.#fail(`${who} was accepted ${(now - diedAt).toFixed(0)} ms after its death`)
    }
    if (this.#truth.wasHeard(shown, point)) this.#fail(`${who} was accepted where its death had been heard of`)
  }

  /**
   * A standby that was not waited for can lose the record of a certificate that was handed out. The kill of its tenant
   * covers it; when the tenant lives again so does it, since nobody knows that it was there.
   */
  #isUnrecorded(shown: Shown): boolean {
    const recorded = this.#server.database.committed(`lineages/${shown.certificate.lineage}`) !== undefined
    return this.#historyLost && !recorded && this.#timeline.now > this.#truth.rebornAt(shown)
  }

  #checkRefusal(shown: Shown, point: Point, answer: Answer, who: string): void {
    const { now } = this.#timeline
    if (this.#truth.diedAt(shown) !== null || this.#truth.mayBeForgotten(shown)) return
    // A tenant's rebirth is news like another. That of an agent is not: its new credentials say it themselves.
    const told = now > this.#truth.rebornAt(shown) + BUDGET_MS + SLACK_MS
    // Where the database forgot the death of a tenant, the points that heard of it go on refusing: the price of it.
    const forgotten = this.#historyLost && point.follower.deaths.judge(shown.credential) === 'tenant'
    if (answer === 'dead' && told && !forgotten) this.#fail(`${who} lives, and was refused as dead`)
    if (answer === 'stale' && now - this.#disturbances.calmSince > SETTLED_MS)
      this.#fail(`${who} lives, and was refused while all was well`)
  }

  #checkStreams(): void {
    const { now } = this.#timeline
    for (const point of this.#points) {
      // Who stands still serves nobody; who goes on needs a moment to look round.
      if (now < point.stoppedUntil + TICK_MS) continue
      for (const shown of point.open.keys()) {
        const diedAt = this.#truth.diedAt(shown)
        const late = diedAt === null || this.#isUnrecorded(shown) ? 0 : now - diedAt
        if (late > BUDGET_MS + GRACE_MS + SLACK_MS + TICK_MS)
          this.#fail(
            `a stream of ${shown.certificate.agent} at ${point.name} went on ${late.toFixed(0)} ms after its death`,
          )
      }
    }
  }

  #checkAgreement(): void {
    const { database } = this.#server
    for (const incident of this.#operator.acknowledged.keys())
      if (database.committed(`incidents/${incident}`) === undefined)
        this.#fail(`${incident} was acknowledged and is lost`)
    for (const point of this.#points) {
      const { follower, name } = point
      const standing = follower.standing(point.clocks.now())
      if (standing !== 'fresh') this.#fail(`${name} is ${standing} although all has been well for a while`)
      if (follower.epoch !== this.#epoch) this.#fail(`${name} is at epoch ${follower.epoch} of ${this.#epoch}`)
      if (point.acked !== this.#epoch) this.#fail(`${name} has acknowledged ${point.acked} of ${this.#epoch}`)
    }
  }

  #fail(what: string): never {
    throw new Violation(`${what} (seed ${this.#seed}, ${(this.#timeline.now / 1000).toFixed(3)} s)`)
  }
}
