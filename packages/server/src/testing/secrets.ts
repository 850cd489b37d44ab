import assert from 'node:assert/strict'
import type { AgentKey } from '@lanyard/authority'
import { generateKeyNow } from '@lanyard/protocol/node'
import type { Answer, CallOptions, ClientTls } from './client.ts'
import { csrOf, type Held, type HttpHarness, pemOf } from './http.ts'

/** A call by the secret of an agent, and by a client certificate beside it. */
export const bySecret = (secret: string, tls?: ClientTls, options: CallOptions = {}): CallOptions => ({
  ...options,
  ...(tls === undefined ? {} : { tls }),
  headers: { ...options.headers, authorization: `Lanyard-Secret ${secret}` },
})

/** An agent with a secret, on a server. */
export class SecretAgent {
  readonly #server: Pick<HttpHarness, 'call'>
  readonly #admin: string
  readonly key: AgentKey

  constructor(server: Pick<HttpHarness, 'call'>, admin: string, key: AgentKey) {
    this.#server = server
    this.#admin = admin
    this.key = key
  }

  get path(): string {
    return `/v1/agents/${this.key.tenant}/${this.key.agent}`
  }

  /** Makes a secret, as an operator. */
  async create(): Promise<{ readonly id: string; readonly secret: string }> {
    const { status, body, text } = await this.#server.call(`POST ${this.path}/secret`, { token: this.#admin })
    assert.equal(status, 201, text)
    return body
  }

  session(secret: string, tls?: ClientTls, body: object = this.key): Promise<Answer> {
    return this.#server.call('POST /v1/agent/session', bySecret(secret, tls, { body }))
  }

  rotate(secret: string, tls?: ClientTls): Promise<Answer> {
    return this.#server.call(`POST ${this.path}/rotate-secret`, bySecret(secret, tls))
  }

  revoke(reason = 'stolen'): Promise<Answer> {
    return this.#server.call(`POST ${this.path}/revoke-secret`, { token: this.#admin, body: { reason } })
  }

  /** A certificate by a session. */
  async held(secret: string, tls?: ClientTls): Promise<Held> {
    const { body: session, text } = await this.session(secret, tls)
    assert.ok(session.token !== undefined, text)
    const privateKey = generateKeyNow('P-256')
    const options = { token: session.token, body: { csr: await csrOf(privateKey) } }
    const { status, body } = await this.#server.call('POST /v1/agent/auth/cert', options)
    assert.equal(status, 201, JSON.stringify(body))
    return { serial: body.serial, privateKey, key: pemOf(privateKey), cert: body.certificate + body.chain }
  }
}
