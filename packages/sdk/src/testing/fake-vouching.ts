import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** A token of a provider as it came to be exchanged. */
export interface Exchanged {
  readonly token: string | undefined
  readonly tenant: string | string[] | undefined
  /** Thumbprint of the key that shall be certified. */
  readonly jkt: string
}

interface Opened {
  readonly jkt: string
  readonly agentToken: string
}

/** The provider of the tenant acme, and what its tokens opened: each one lineage, for the first key that comes with it. */
export class FakeVouching {
  readonly exchanged: Exchanged[] = []
  readonly #mint: (agent: string, jkt: string) => string
  readonly #agents = new Map<string, string>()
  readonly #opened = new Map<string, Opened>()

  constructor(mint: (agent: string, jkt: string) => string) {
    this.#mint = mint
  }

  /** A token for this agent. */
  token(agent = 'a'): string {
    const token = `header.${randomBytes(8).toString('hex')}.signature`
    this.#agents.set(token, agent)
    return token
  }

  /** Takes note of a request, whatever it will be answered. */
  hear(request: IncomingMessage, body: string): Exchanged {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const tenant = request.headers['x-lanyard-tenant-id']
    const exchanged = { token, tenant, jkt: (JSON.parse(body) as { jkt: string }).jkt }
    this.exchanged.push(exchanged)
    return exchanged
  }

  exchange({ token = '', tenant, jkt }: Exchanged) {
    const agent = this.#agents.get(token)
    if (tenant !== 'acme') return { status: 401, code: 'idp_unknown' }
    if (agent === undefined) return { status: 401, code: 'external_token_invalid' }
    const opened = this.#opened.get(token) ?? { jkt, agentToken: this.#mint(agent, jkt) }
    this.#opened.set(token, opened)
    if (opened.jkt !== jkt) return { status: 403, code: 'token_reused' }
    return { token: opened.agentToken, token_type: 'Bearer', expires_in: 900 }
  }
}
