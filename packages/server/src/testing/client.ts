import { request as httpsRequest } from 'node:https'

/** What a client presents in its handshake. PEM. */
export interface ClientTls {
  readonly key: string
  readonly cert: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** Of a JSON reply or a problem. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into replies of every form
  readonly body: any
}

/** A status, or the code of a refusal. */
export const codeOf = ({ status, body }: Answer): number | string => (status < 400 ? status : body.code)

export interface CallOptions {
  readonly token?: string | undefined
  readonly tls?: ClientTls | undefined
  readonly body?: unknown
  /** The body as it goes over the wire, instead of `body`. */
  readonly raw?: string | Buffer
  readonly headers?: Readonly<Record<string, string | string[]>>
}

/** Makes one call, `METHOD /path`, on a connection of its own. */
export function send(port: number, ca: string, call: string, options: CallOptions = {}): Promise<Answer> {
  const [method = '', path = ''] = call.split(' ')
  const raw = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  const where = { host: '127.0.0.1', servername: 'localhost', port, ca, agent: false, ...options.tls }
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ ...where, method, path, headers: headersOf(options, raw) }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const body = /json/.test(response.headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : undefined
        resolve({ status: response.statusCode!, headers: response.headers, text, body })
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(raw)
  })
}

const headersOf = ({ token, headers }: CallOptions, raw: string | Buffer | undefined) => ({
  ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  ...(raw === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(raw) }),
  ...headers,
})
