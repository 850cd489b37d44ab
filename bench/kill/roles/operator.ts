import type { Incident, Killed } from '@lanyard/api'
import { Client } from 'undici'
import { monotonic, pause } from '../clock.ts'

export interface OperatorOptions {
  /** The instances of the authority. */
  readonly urls: readonly string[]
  readonly rootPem: string
  readonly adminKey: string
}

export interface KillOrder {
  readonly tenant: string
  readonly agent: string
  readonly incident: string
  /** Which instance is told, by its place in `urls`. */
  readonly at: number
  /** Which one is asked again when the first gives no answer. */
  readonly then?: number
}

/** Times are {@link monotonic}. */
export interface KillTold extends Killed {
  readonly askedAt: number
  readonly toldAt: number
}

export interface OperatorRole {
  /** One call at the instance `at`. @throws Error on any refusal */
  ask(at: number, method: string, path: string, body?: unknown): Promise<unknown>
  /** Makes agents with these names, and gives a token for each. */
  agents(tenant: string, names: readonly string[]): Promise<string[]>
  kill(order: KillOrder): Promise<KillTold>
  /** The incident once it is closed. */
  closed(at: number, incident: string): Promise<Incident>
  /** From now on the instance `at` is there. */
  moved(at: number, url: string): Promise<void>
  close(): Promise<void>
}

const AT_ONCE = 16
const CLOSES_WITHIN_MS = 30_000

/** Whoever holds the admin key: makes agents, kills them, reads incidents, each on kept-alive connections. */
export async function startOperator({ urls, rootPem, adminKey }: OperatorOptions): Promise<OperatorRole> {
  const open = (url: string) => new Client(url, { allowH2: false, connect: { ca: rootPem }, keepAliveTimeout: 60_000 })
  const present = [...urls]
  const clients = present.map(open)
  // The kill has a connection of its own: it must not wait for an answer to something else.
  const killers = present.map(open)

  async function send(client: Client, method: string, path: string, body?: unknown): Promise<unknown> {
    const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
    const reply = await client.request({
      method: method as 'GET',
      path,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await reply.body.text()
    if (reply.statusCode >= 300) throw new Error(`${method} ${path}: ${reply.statusCode} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  async function killAt(at: number, { tenant, agent, incident }: KillOrder): Promise<Killed> {
    const body = { reason: 'bench: measured', incident }
    return (await send(killers[at]!, 'POST', `/v1/agents/${tenant}/${agent}/kill`, body)) as Killed
  }

  async function oneAgent(tenant: string, agent: string, client: Client): Promise<string> {
    await send(client, 'POST', '/v1/agents', { tenant, agent, tier: 'platinum' })
    const { token } = (await send(client, 'POST', '/v1/agent/bootstrap', { tenant, agent })) as { token: string }
    return token
  }

  return {
    ask: (at, method, path, body) => send(clients[at]!, method, path, body),
    async agents(tenant, names) {
      const helpers = Array.from({ length: Math.min(AT_ONCE, names.length) }, () => open(present[0]!))
      const tokens: string[] = []
      let next = 0
      await Promise.all(
        helpers.map(async helper => {
          for (let index = next++; index < names.length; index = next++)
            tokens[index] = await oneAgent(tenant, names[index]!, helper)
          await helper.close()
        }),
      )
      return tokens
    },
    async kill(order) {
      const askedAt = monotonic()
      const { then } = order
      const first = killAt(order.at, order)
      const killed = await (then === undefined ? first : first.catch(() => killAt(then, order)))
      return { ...killed, askedAt, toldAt: monotonic() }
    },
    async closed(at, incident) {
      for (const end = monotonic() + CLOSES_WITHIN_MS; ; await pause(100)) {
        const found = (await send(clients[at]!, 'GET', `/v1/incidents/${incident}`)) as Incident
        if (found.state === 'closed') return found
        if (monotonic() > end) throw new Error(`incident ${incident} is still open: ${JSON.stringify(found.steps)}`)
      }
    },
    async moved(at, url) {
      const old = [clients[at]!, killers[at]!]
      present[at] = url
      clients[at] = open(url)
      killers[at] = open(url)
      await Promise.all(old.map(client => client.destroy()))
    },
    async close() {
      await Promise.all([...clients, ...killers].map(client => client.destroy()))
    },
  }
}
