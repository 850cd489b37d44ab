import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TestCa } from './test-ca.ts'

export interface Heard {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  /** `X-Lanyard-Tenant-Id`. */
  readonly tenant: string | string[] | undefined
  readonly body: unknown
}

interface Answer {
  readonly status?: number
  readonly type?: string
  readonly body?: unknown
  readonly date?: string
  /** In place of a body: lines, after which the reply stays open. */
  readonly lines?: readonly string[]
}

/** An HTTPS server with a root of its own that answers as it is told, and remembers what it heard. */
export class FakeAuthority {
  readonly ca: TestCa
  readonly heard: Heard[] = []
  /** By `GET /path`, without the query. */
  readonly answers: Record<string, Answer | ((heard: Heard) => Answer)> = {}
  readonly #server: Server

  private constructor(ca: TestCa, server: Server) {
    this.ca = ca
    this.#server = server
  }

  /** `names` are those of its certificate. */
  static async start(names: { dns?: string[]; ip?: Uint8Array[] } = { ip: [Uint8Array.of(127, 0, 0, 1)] }) {
    const ca = new TestCa()
    const leaf = ca.leaf({ names })
    const server = createServer({ key: leaf.key, cert: leaf.pem + ca.intermediatePem, minVersion: 'TLSv1.3' })
    const fake = new FakeAuthority(ca, server)
    fake.answers['GET /v1/root.pem'] = { type: 'application/x-pem-file', body: ca.rootPem }
    server.on('request', async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      const { method = '', url = '', headers } = request
      const body = text === '' ? undefined : bodyOf(text, headers['content-type'])
      const tenant = headers['x-lanyard-tenant-id']
      const heard = { method, path: url, authorization: headers.authorization, tenant, body }
      fake.heard.push(heard)
      const given = fake.answers[`${method} ${url.split('?')[0]}`] ?? { status: 404, body: { code: 'route_unknown' } }
      const answer = typeof given === 'function' ? given(heard) : given
      const type = answer.type ?? ((answer.status ?? 200) < 400 ? 'application/json' : 'application/problem+json')
      response.writeHead(answer.status ?? 200, { 'content-type': type, ...(answer.date && { date: answer.date }) })
      if (answer.lines) return void response.write(answer.lines.map(line => `${line}\n`).join(''))
      response.end(typeof answer.body === 'string' ? answer.body : answer.body && JSON.stringify(answer.body))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`
  }

  /** Variables of a client that trusts it. */
  env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { LANYARD_URL: this.url, LANYARD_ROOT_SHA256: this.ca.rootSha256, LANYARD_API_KEY: 'key-of-env', ...more }
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** JSON, or the members of a form, as an issuer gets them. */
const bodyOf = (text: string, type = ''): unknown =>
  type.includes('json') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
