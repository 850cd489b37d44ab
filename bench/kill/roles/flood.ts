import { Client } from 'undici'
import { agentKey } from '../../../test/support/agent-key.ts'
import type { Source } from '../../../test/support/credential.ts'
import { monotonic } from '../clock.ts'
import { count } from '../victim.ts'

export interface FloodOptions extends Source {
  /** As many requests are under way at any time. */
  readonly tokens: readonly string[]
}

export interface FloodReport {
  readonly issuedPerSec: number
  readonly refused: Readonly<Record<string, number>>
}

export interface FloodRole {
  stop(): Promise<FloodReport>
}

/** Asks for certificates as fast as they come, each token with its own key again and again. */
export async function startFlood({ url, rootPem, tokens }: FloodOptions): Promise<FloodRole> {
  const refused: Record<string, number> = {}
  const beganAt = monotonic()
  let issued = 0
  let stopped = false
  const one = async (token: string) => {
    const client = new Client(url, { allowH2: false, connect: { ca: rootPem }, keepAliveTimeout: 60_000 })
    const body = JSON.stringify({ csr: (await agentKey('P-256')).csrPem })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    while (!stopped) {
      const reply = await client.request({ method: 'POST', path: '/v1/agent/auth/cert', headers, body })
      const text = await reply.body.text()
      if (reply.statusCode < 300) issued += 1
      else count(refused, String((JSON.parse(text) as { code?: string }).code))
    }
    await client.close()
  }
  const all = Promise.all(tokens.map(one))
  // Judged when it is stopped: until then its failure is no business of whoever started it.
  all.catch(() => {})
  return {
    async stop() {
      stopped = true
      await all
      return { issuedPerSec: (issued * 1000) / (monotonic() - beganAt), refused }
    },
  }
}
