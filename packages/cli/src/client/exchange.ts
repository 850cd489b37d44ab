import { Agent, type RequestOptions, request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { refuse } from '../problem.ts'

/** How the other side proves itself, and how we do. */
export type Trust =
  /** `ca`: root certificates in PEM; `certificate` and `key`: our own, in PEM. */
  | { readonly ca: string; readonly certificate?: string; readonly key?: string }
  /** Believes anybody. For public documents that are checked afterwards; nothing secret may be sent. */
  | 'unproven'

export interface HttpReply {
  readonly status: number
  readonly type: string
  readonly body: string
  /** The `Date` of the other side, Unix ms, or null. */
  readonly date: number | null
}

export interface Outgoing {
  readonly method: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds for the whole reply to come; 30 seconds where not given. */
  readonly deadlineMs?: number | undefined
}

/** Far more than any of our replies; a server that sends more is not ours. */
const MAX_REPLY_BYTES = 16 * 1024 * 1024
const DEADLINE_MS = 30_000

/** Connections to one authority. Idle ones do not keep the process alive. */
export function agentFor(trust: Trust): Agent {
  const proof =
    trust === 'unproven'
      ? { rejectUnauthorized: false }
      : { ca: trust.ca, ...(trust.key && { cert: trust.certificate, key: trust.key }) }
  // A resumed session would skip the check of the server's name (design: no resumption where anybody authenticates).
  return new Agent({ ...proof, minVersion: 'TLSv1.3', keepAlive: true, maxSockets: 4, maxCachedSessions: 0 })
}

/** One request and its whole reply. Throws `server_unreachable`, `server_untrusted`. */
export function exchange(
  agent: Agent,
  { method, url, headers = {}, body, deadlineMs = DEADLINE_MS }: Outgoing,
): Promise<HttpReply> {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const options: RequestOptions = { method, agent, headers: { ...headers, ...length } }
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(explain(error, url))
    const outgoing = request(url, options, reply => {
      const chunks: Buffer[] = []
      let size = 0
      reply.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_REPLY_BYTES) reply.destroy(new Error(`a reply of more than ${MAX_REPLY_BYTES} bytes`))
        else chunks.push(chunk)
      })
      reply.on('error', fail)
      reply.on('end', () => {
        clearTimeout(deadline)
        const date = Date.parse(reply.headers.date ?? '')
        resolve({
          status: reply.statusCode ?? 0,
          type: reply.headers['content-type'] ?? '',
          body: Buffer.concat(chunks).toString('utf8'),
          date: Number.isNaN(date) ? null : date,
        })
      })
    })
    const deadline = setTimeout(() => outgoing.destroy(new Error(`no reply in ${deadlineMs / 1000} s`)), deadlineMs)
    outgoing.on('close', () => clearTimeout(deadline))
    outgoing.on('error', fail)
    outgoing.on('socket', socket => {
      if (outgoing.reusedSocket) return
      const tls = socket as TLSSocket
      tls.once('secureConnect', () => tls.isSessionReused() && tls.destroy(new Error('a resumed TLS session')))
    })
    outgoing.end(body)
  })
}

/** What Node says when the certificate, and not the network, is at fault. */
const UNTRUSTED =
  /^(ERR_TLS_CERT_ALTNAME_INVALID|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|PATH_LENGTH_|HOSTNAME_)/

/** What went wrong on a connection, by our codes: `server_untrusted`, `server_unreachable`. */
export function explain(error: NodeJS.ErrnoException, url: URL): Error {
  const { code = '', message } = error
  // What Node advises is about starting Node.
  const said = message.replace(/; if the root CA is installed locally.*$/s, '')
  const reason = said.includes(code) ? said : `${code}: ${said}`
  if (UNTRUSTED.test(error.code ?? '')) return refuse('server_untrusted', `${url.host}: ${reason}`, { cause: error })
  return refuse('server_unreachable', `${url.host}: ${reason}`, { cause: error })
}
