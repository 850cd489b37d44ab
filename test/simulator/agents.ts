import type { AgentKey, CertificateState } from '@lanyard/authority'
import type { DatabaseServer } from './database-server.ts'
import type { Dice } from './dice.ts'
import type { Instance } from './instance.ts'
import type { Network } from './network.ts'
import type { Answer, Point, Shown } from './point.ts'
import { agentState, bootstrap, certificateCaller, hexOf, issue, type Program, tokenCaller } from './programs.ts'
import type { Timeline } from './timeline.ts'

/** Certificates that an agent, or who copied them, goes on showing. */
const KEPT = 12

export interface AgentPorts {
  readonly timeline: Timeline
  readonly dice: Dice
  readonly network: Network
  readonly server: DatabaseServer
  readonly instances: readonly Instance[]
  readonly points: readonly Point[]
  /** Numbers that nobody had before. */
  readonly fresh: () => number
  readonly answered: (shown: Shown, point: Point, answer: Answer, agent: SimulatedAgent) => void
}

/** An agent that bootstraps, renews and calls, and somebody who shows whatever it ever held. */
export class SimulatedAgent {
  readonly key: AgentKey
  readonly shown: Shown[] = []
  readonly #ports: AgentPorts
  #newest: CertificateState | null = null
  #asking = 0

  constructor(key: AgentKey, ports: AgentPorts) {
    this.key = key
    this.#ports = ports
  }

  get name(): string {
    return `${this.key.tenant}/${this.key.agent}`
  }

  /** The certificate that it would show by itself. */
  get newest(): Shown | null {
    return this.shown.at(-1) ?? null
  }

  start(): void {
    const { timeline, dice } = this.#ports
    this.#renewLater(dice.between(0, 500))
    timeline.after(dice.between(0, 200), () => this.#callOn())
  }

  #renewLater(ms: number): void {
    this.#ports.timeline.after(ms, () => this.#renew(++this.#asking))
  }

  #renew(asking: number): void {
    const { dice, instances, network, server, timeline } = this.#ports
    const instance = dice.pick(instances)
    network.send(this.name, instance.name, () => {
      if (instance.up)
        server.run(instance, this.#program(instance), issued =>
          network.send(instance.name, this.name, () => this.#got(asking, issued)),
        )
    })
    // Nothing comes back: asks again, somewhere else.
    timeline.after(2000, () => {
      if (asking === this.#asking) this.#renew(++this.#asking)
    })
  }

  *#program(instance: Instance): Program<CertificateState | undefined> {
    const number = this.#ports.fresh()
    const asked = { keyThumbprint: `key-${number}`, serial: hexOf(number), issuerKeyId: `issuer-${instance.name}` }
    const name = `${this.name} ${number}`
    if (this.#newest !== null)
      return yield* issue(instance.site, name, { ...asked, caller: certificateCaller(this.#newest) })
    const lineage = yield* bootstrap(instance.site, name, this.key, hexOf(number))
    if (lineage === undefined) return undefined
    return yield* issue(instance.site, name, {
      ...asked,
      caller: tokenCaller({ lineage, agent: { ...agentState(this.key) } }),
    })
  }

  #got(asking: number, issued: CertificateState | undefined): void {
    if (asking !== this.#asking) return
    this.#asking++
    if (issued === undefined) {
      // Whoever is refused begins anew, and is refused as long as it is dead.
      this.#newest = null
      this.#renewLater(this.#ports.dice.between(300, 1500))
      return
    }
    this.#newest = issued
    this.shown.push({ certificate: issued, credential: credentialOf(issued) })
    if (this.shown.length > KEPT) this.shown.shift()
    this.#renewLater((issued.notAfter - issued.notBefore) * 500 * this.#ports.dice.between(0.4, 0.6))
  }

  #callOn(): void {
    const { timeline, dice, network, points, answered } = this.#ports
    timeline.after(dice.between(100, 400), () => this.#callOn())
    if (this.shown.length === 0) return
    const point = dice.pick(points)
    const shown = dice.chance(0.6) ? this.newest! : dice.pick(this.shown)
    const asStream = dice.chance(0.2)
    network.send(this.name, point.name, () =>
      point.ask(shown, asStream, answer => {
        answered(shown, point, answer, this)
        if (asStream) timeline.after(dice.between(500, 20_000), () => point.open.delete(shown))
      }),
    )
  }
}

const credentialOf = (one: CertificateState): Shown['credential'] => ({
  ...{ id: one.spiffeId, tenant: one.tenant, incarnation: one.incarnation, lineage: one.lineage },
  ...{ keyThumbprint: one.keyThumbprint, issuerKeyId: one.issuerKeyId },
})
