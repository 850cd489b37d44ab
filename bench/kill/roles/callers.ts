import type { SecureContext } from 'node:tls'
import { contextOf, credentialsFor, type Source } from '../../../test/support/credential.ts'
import { pause } from '../clock.ts'
import type { Goal } from '../line.ts'
import { Living, type Lost } from '../living.ts'
import { Pacer } from '../pacer.ts'
import { Victim, type VictimEnd } from '../victim.ts'

export interface CallersOptions extends Source {
  /** The services, which all agents call. */
  readonly goals: readonly Goal[]
}

/** How often an agent calls each service, and over how many connections. */
export interface Pace {
  readonly callsPerSec: number
  readonly connections: number
}

export interface CallersRole {
  /** Gets certificates for these agents. */
  enrol(agents: readonly { readonly name: string; readonly token: string }[]): Promise<void>
  /** Lets an agent that will be killed begin; back when each of its connections had answers. */
  begin(name: string, pace: Pace): Promise<void>
  /** What became of it: once all its connections are gone, or after `withinMs`, and it has knocked for `knockMs` more. */
  end(name: string, wait: { readonly withinMs: number; readonly knockMs: number }): Promise<VictimEnd>
  /** Lets agents begin that nobody kills. */
  live(names: readonly string[], pace: Pace): Promise<void>
  /** Ends the calls of those agents, and says what they lost. */
  rest(): Promise<Lost>
  close(): void
}

/** Agents that call over plain kept-alive mutual TLS, without the SDK. */
export async function startCallers({ goals, ...source }: CallersOptions): Promise<CallersRole> {
  const contexts = new Map<string, SecureContext>()
  const victims = new Map<string, Victim>()
  const pacer = new Pacer()
  let living: Living[] = []

  const contextFor = (name: string): SecureContext => {
    const context = contexts.get(name)
    if (!context) throw new Error(`${name} has no certificate`)
    return context
  }

  return {
    async enrol(agents) {
      const held = await credentialsFor(
        source,
        agents.map(({ token }) => token),
      )
      for (const [at, { name }] of agents.entries()) contexts.set(name, contextOf(held[at]!, source.rootPem))
    },
    async begin(name, pace) {
      const victim = new Victim({ goals, context: contextFor(name), pace, pacer })
      victims.set(name, victim)
      await victim.warm()
    },
    async end(name, { withinMs, knockMs }) {
      const victim = victims.get(name)!
      await Promise.race([victim.gone, pause(withinMs)])
      await pause(knockMs)
      victims.delete(name)
      contexts.delete(name)
      return victim.stop()
    },
    async live(names, pace) {
      living = names.map(name => new Living({ goals, context: contextFor(name), pace, pacer }))
      await Promise.all(living.map(each => each.warm()))
    },
    async rest() {
      const lost = await Promise.all(living.map(each => each.stop()))
      living = []
      return lost.reduce(Living.add)
    },
    close: () => pacer.stop(),
  }
}
