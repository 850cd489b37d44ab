import process from 'node:process'
import type { Identity, TokenOptions } from '@lanyard/sdk'
import { Cast } from './cast.ts'
import { type Json, type LanyardUp, lanyardUp, type UpOptions } from './lanyard-up.ts'

/** An authority with a daemon beside it, and an entry by which every process of this user is one agent. */
export interface WorkloadStage {
  readonly up: LanyardUp
  readonly cast: Cast
  /** Path of the Workload API. */
  readonly socket: string
  /** Trust domain, without the scheme. */
  readonly domain: string
  /** SPIFFE ID that processes of this user get. */
  readonly id: string
  readonly entry: Json
  /** An agent by a token, in this process. */
  identity(agent: string, options?: Partial<TokenOptions>): Promise<Identity>
  /** A further entry of this user's processes, for another agent. */
  register(agent: string, settings?: object): Promise<Json>
  change(entry: string, settings: object): Promise<Json>
  withdraw(entry: string): Promise<void>
  remove(): Promise<void>
}

/** What an entry selects here: tests run as one user, so each of its processes matches. */
export const ownProcesses = { selectors: [`unix:uid:${process.getuid!()}`], children: true }

/** `lanyard up` with the Workload API. `settings` are those of the first entry, of the agent `client`. */
export async function openStage(settings: object = {}, options: UpOptions = {}): Promise<WorkloadStage> {
  const up = await lanyardUp({ flags: options.flags ?? [] })
  const cast = await Cast.of(up)
  const register = async (agent: string, more: object = {}) => {
    await up.ask('POST', '/v1/agents', { tenant: 'acme', agent, tier: 'gold' })
    return await up.call('POST', '/v1/entries', { tenant: 'acme', agent, ...ownProcesses, ...more })
  }
  const entry = await register('client', settings)
  const identities: Identity[] = []
  return {
    up,
    cast,
    socket: up.ready.workload_api!.replace(/^unix:\/\//, ''),
    domain: up.ready.trust_domain,
    id: entry.spiffe_id,
    entry,
    register,
    async identity(agent, more) {
      const made = await cast.identity(agent, more)
      identities.push(made)
      return made
    },
    change: (id, change) => up.call('PATCH', `/v1/entries/${id}`, change),
    withdraw: id => up.call('DELETE', `/v1/entries/${id}`),
    async remove() {
      await Promise.all(identities.map(identity => identity.close()))
      await up.remove()
    },
  }
}
