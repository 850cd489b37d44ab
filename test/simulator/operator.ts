import type { CredentialTarget } from '@lanyard/authority'
import type { SimulatedAgent } from './agents.ts'
import type { DatabaseServer } from './database-server.ts'
import type { Dice } from './dice.ts'
import type { Instance } from './instance.ts'
import { kill, killAll, killOne, type Program, reinstate, reinstateAll } from './programs.ts'
import type { Timeline } from './timeline.ts'

interface Ports {
  readonly timeline: Timeline
  readonly dice: Dice
  readonly server: DatabaseServer
  readonly instances: readonly Instance[]
  readonly agents: readonly SimulatedAgent[]
  /** Milliseconds between two kills, at most. */
  readonly pauseMs: number
}

/** How one kill is asked for, at whatever instance. */
type Ask = (instance: Instance) => Program<{ epoch: number } | undefined>

/** Who kills and reinstates, and asks again under the same name where no answer came. */
export class Operator {
  /** Kills that were answered, and when. */
  readonly acknowledged = new Map<string, number>()
  readonly #ports: Ports
  #number = 0
  #stopped = false

  constructor(ports: Ports) {
    this.#ports = ports
  }

  start(): void {
    this.#ports.timeline.after(this.#ports.dice.between(this.#ports.pauseMs / 6, this.#ports.pauseMs), () => {
      if (this.#stopped) return
      this.#strike()
      // Two at once: they must not wait for each other, nor come in another order than they are told.
      if (this.#ports.dice.chance(0.3))
        this.#ports.timeline.after(this.#ports.dice.between(0, 30), () => this.#strike())
      this.start()
    })
  }

  stop(): void {
    this.#stopped = true
  }

  #strike(): void {
    const { dice, agents, timeline } = this.#ports
    const agent = dice.pick(agents)
    const { tenant } = agent.key
    const incident = `kill-${String(++this.#number).padStart(4, '0')}`
    const how = dice.next()
    const target = how < 0.3 ? targetOf(agent, how) : null
    if (target !== null) {
      this.#ask(incident, instance => killOne(instance.site, incident, tenant, target))
      return
    }
    const whole = how > 0.9
    timeline.tell(`operator kills ${whole ? tenant : agent.name}`)
    this.#ask(incident, ({ site }) => (whole ? killAll(site, incident, tenant) : kill(site, incident, agent.key)))
    timeline.after(dice.between(1500, 15_000), () => this.#giveBack(whole ? null : agent, tenant))
  }

  #giveBack(agent: SimulatedAgent | null, tenant: string): void {
    const instance = this.#ports.dice.pick(this.#ports.instances)
    if (!instance.up || !instance.linked) {
      this.#ports.timeline.after(1000, () => this.#giveBack(agent, tenant))
      return
    }
    const name = `back ${++this.#number}`
    const program: Program =
      agent === null ? reinstateAll(instance.site, name, tenant) : reinstate(instance.site, name, agent.key)
    this.#ports.server.run(instance, program)
  }

  #ask(incident: string, ask: Ask, tries = 0): void {
    const { timeline, dice, server, instances } = this.#ports
    const instance = dice.pick(instances)
    let answered = false
    const { timeline: history } = server.database
    if (instance.up)
      server.run(instance, ask(instance), killed => {
        answered = true
        if (killed === undefined) return
        // Committed where it was lost again before the answer came: another server never knew.
        if (history !== server.database.timeline && !server.database.committed(`incidents/${incident}`)) return
        this.acknowledged.set(incident, timeline.now)
        timeline.tell(`${incident} acknowledged, epoch ${killed.epoch}`)
      })
    timeline.after(1500, () => {
      if (!answered && tries < 20) this.#ask(incident, ask, tries + 1)
    })
  }
}

/** What of an agent's newest certificate is killed. */
function targetOf(agent: SimulatedAgent, how: number): CredentialTarget | null {
  const { newest } = agent
  if (newest === null) return null
  const { serial, lineage, keyThumbprint } = newest.certificate
  if (how < 0.1) return { kind: 'serial', value: serial }
  return how < 0.2 ? { kind: 'lineage', value: lineage } : { kind: 'key', value: keyThumbprint }
}
