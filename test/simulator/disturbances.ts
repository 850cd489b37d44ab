import type { DatabaseServer } from './database-server.ts'
import type { Dice } from './dice.ts'
import type { Instance } from './instance.ts'
import type { Network } from './network.ts'
import type { Point } from './point.ts'
import type { Timeline } from './timeline.ts'

/** By how much the clocks of instances are wrong at most, in milliseconds. */
export const CLOCK_ERROR_MS = 250
/** A standby that is not waited for is behind by so much at most. */
const LAG_MS = 400
const DISTURBED_MS = 25_000
const CALM_MS = 15_000

/** What can go wrong: with an instance and its database, the line to a point, the database, a point, its clock, the bus. */
export const TROUBLES = [
  'crash',
  'database',
  'line',
  'isolation',
  'restart',
  'failover',
  'stop',
  'sleep',
  'clock',
  'step',
  'slowness',
  'answers',
  'disorder',
  'bus',
] as const
export type Trouble = (typeof TROUBLES)[number]

interface Ports {
  readonly timeline: Timeline
  readonly dice: Dice
  readonly network: Network
  readonly server: DatabaseServer
  readonly instances: readonly Instance[]
  readonly points: readonly Point[]
  /** Whether the standby is behind, so that a failover loses what was committed last. */
  readonly lossy: boolean
  /** Called with the time from which on nothing is known any longer. */
  readonly lost: (until: number) => void
}

/** What goes wrong, in turns of trouble and calm. */
export class Disturbances {
  /** Since when nothing is wrong; infinite while something is. */
  calmSince = 0
  readonly #ports: Ports
  readonly #kinds: readonly (() => void)[]
  readonly #afterKills: { readonly crash: boolean; readonly failover: boolean }
  #going = 0
  #until = 0
  #stopped = false

  constructor(ports: Ports, only: readonly Trouble[] = TROUBLES) {
    this.#ports = ports
    const kinds: Readonly<Record<Trouble, () => void>> = {
      crash: () => this.#crash(),
      database: () => this.#cutFromDatabase(),
      line: () => this.#cutFeed(),
      isolation: () => this.#isolate(),
      restart: () => this.#databaseAway(),
      failover: () => this.#failOver(),
      stop: () => this.#stopPoint(false),
      sleep: () => this.#stopPoint(true),
      clock: () => this.#setClock(),
      step: () => this.#stepInstance(),
      slowness: () => this.#slow(),
      answers: () => this.#late(),
      disorder: () => this.#unruly(),
      bus: () => this.#bus(),
    }
    this.#kinds = only.map(kind => kinds[kind])
    this.#afterKills = { crash: only.includes('crash'), failover: only.includes('failover') }
  }

  start(): void {
    const { timeline, dice } = this.#ports
    this.#until = timeline.now + DISTURBED_MS
    timeline.every(CALM_MS + DISTURBED_MS, () => {
      this.#until = timeline.now + DISTURBED_MS
      return !this.#stopped
    })
    const next = () => {
      if (this.#stopped) return
      while (timeline.now < this.#until) {
        dice.pick(this.#kinds)()
        // Misfortunes come together.
        if (!dice.chance(0.4)) break
      }
      timeline.after(dice.between(300, 5000), next)
    }
    timeline.after(dice.between(1000, 5000), next)
  }

  /** Something died, by the word of this instance: the worst moment for whatever follows. */
  killed(instance: { readonly name: string }): void {
    const { timeline, dice } = this.#ports
    if (timeline.now > this.#until || this.#stopped) return
    const { now } = timeline
    if (this.#afterKills.crash && dice.chance(0.1)) timeline.after(dice.between(0, 5), () => this.#crash(instance.name))
    if (this.#afterKills.failover && dice.chance(0.07))
      timeline.after(dice.between(5, LAG_MS), () => this.#failOver(now - 1))
  }

  stop(): void {
    this.#stopped = true
  }

  /** Something is wrong for so long, and then set right. */
  #for(ms: number, what: string, right: () => void): void {
    const { timeline } = this.#ports
    timeline.tell(`${what} for ${ms.toFixed(0)} ms`)
    this.#going++
    this.calmSince = Number.POSITIVE_INFINITY
    timeline.after(ms, () => {
      right()
      if (--this.#going === 0) this.calmSince = timeline.now
    })
  }

  #crash(name?: string): void {
    const { dice, instances } = this.#ports
    const instance = instances.find(one => one.name === name) ?? dice.pick(instances)
    if (!instance.up) return
    instance.crash()
    this.#for(dice.between(100, 6000), `${instance.name} dies`, () => instance.start())
  }

  #cutFromDatabase(): void {
    const { dice } = this.#ports
    const instance = dice.pick(this.#ports.instances)
    if (!instance.linked) return
    instance.linked = false
    instance.talksOn = dice.chance(0.6)
    this.#for(dice.between(300, 9000), `${instance.name} loses the database`, () => {
      instance.linked = true
      instance.talksOn = false
    })
  }

  #cutFeed(): void {
    const { dice, network } = this.#ports
    const [instance, point] = [dice.pick(this.#ports.instances), dice.pick(this.#ports.points)]
    network.cut(instance.name, point.name)
    this.#for(dice.between(200, 8000), `${instance.name} and ${point.name} are cut off from each other`, () =>
      network.heal(instance.name, point.name),
    )
  }

  /** A point hears nobody, and nobody hears it ask for the time. */
  #isolate(): void {
    const { dice, network, instances } = this.#ports
    const point = dice.pick(this.#ports.points)
    for (const { name } of instances) network.cut(name, point.name)
    this.#for(dice.between(500, 9000), `${point.name} is cut off from all`, () => {
      for (const { name } of instances) network.heal(name, point.name)
    })
  }

  #databaseAway(): void {
    const { server, dice } = this.#ports
    if (!server.up) return
    server.up = false
    server.restart()
    this.#for(dice.between(100, 6000), 'the database restarts', () => {
      server.up = true
    })
  }

  /** To a standby that knows all, or to one that was not waited for and knows what was committed until then. */
  #failOver(known?: number): void {
    const { server, dice, timeline, lost } = this.#ports
    if (!server.up) return
    const until = !this.#ports.lossy ? timeline.now : (known ?? timeline.now - dice.between(0, LAG_MS))
    server.up = false
    if (server.failOver(until) > 0) lost(until)
    this.#for(dice.between(100, 3000), `the database fails over, knowing all until ${until.toFixed(3)}`, () => {
      server.up = true
    })
  }

  #stopPoint(asleep: boolean): void {
    const { dice } = this.#ports
    const point = dice.pick(this.#ports.points)
    if (point.stopped) return
    const ms = dice.between(200, 8000)
    point.stop(ms, asleep)
    this.#for(ms, `${point.name} ${asleep ? 'sleeps' : 'stands still'}`, () => {})
  }

  /** Somebody sets the clock of a point, to anything. */
  #setClock(): void {
    const { dice } = this.#ports
    const point = dice.pick(this.#ports.points)
    const far = dice.pick([100, 2000, 30_000, 3_600_000])
    point.clocks.set(dice.chance(0.4) ? 0 : dice.between(-far, far))
    // The next comparison of the clocks sets it right, at most so much later.
    this.#for(6000, `the clock of ${point.name} is set to ${point.clocks.offset.toFixed(0)} ms ahead`, () => {})
  }

  #stepInstance(): void {
    const { dice } = this.#ports
    const instance = dice.pick(this.#ports.instances)
    instance.clocks.set(dice.between(-CLOCK_ERROR_MS, CLOCK_ERROR_MS))
    this.#for(6000, `the clock of ${instance.name} steps to ${instance.clocks.offset.toFixed(0)} ms`, () => {})
  }

  #slow(): void {
    const { server, dice } = this.#ports
    server.slowness = dice.pick([20, 200, 1500])
    this.#for(dice.between(500, 6000), `statements take up to ${server.slowness} ms`, () => {
      server.slowness = 2
    })
  }

  /** Statements are done at once, and their answers come late. */
  #late(): void {
    const { server, dice } = this.#ports
    server.lateness = dice.between(500, 1900)
    this.#for(dice.between(2000, 9000), `answers are late by up to ${server.lateness.toFixed(0)} ms`, () => {
      server.lateness = 0
    })
  }

  #unruly(): void {
    const { network, dice } = this.#ports
    network.unruly = dice.between(0.05, 0.5)
    this.#for(dice.between(1000, 8000), 'lines are lost, doubled and late', () => {
      network.unruly = 0
    })
  }

  #bus(): void {
    const { network, dice } = this.#ports
    network.busLoss = dice.pick([0.3, 1])
    this.#for(dice.between(2000, 12_000), 'the bus loses messages', () => {
      network.busLoss = 0
    })
  }
}
