import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'

/** How long a refused client may take to read the answer before the connection is cut. */
const LINGER_MS = 1_000

const TITLES = {
  peer_not_allowed: { status: 403, reason: 'Forbidden', title: 'The service does not accept this caller' },
  certificate_expired: { status: 401, reason: 'Unauthorized', title: 'The client certificate has ended' },
  caller_untrusted: { status: 403, reason: 'Forbidden', title: 'The certificate that was passed on does not hold' },
  peer_dead: { status: 403, reason: 'Forbidden', title: 'The identity of the caller was taken away' },
  liveness_stale: { status: 503, reason: 'Service Unavailable', title: 'The service does not know who is alive' },
} as const

const REMEDIES = {
  peer_not_allowed: 'Ask the owner of the service to allow your SPIFFE ID.',
  certificate_expired: 'Connect again with your newest certificate; compare `server_time` with your clock.',
  caller_untrusted:
    'Compare what the proxy passes on as Client-Cert with RFC 9440, and its roots with those of the service.',
  peer_dead: 'See the incident at the authority.',
  liveness_stale:
    'Try again; if it stays, look whether the service reaches the authority, and the authority its database.',
} as const satisfies Record<keyof typeof TITLES, string>

/** Why a request is refused at the door. */
export interface Refusal {
  readonly code: keyof typeof TITLES
  /** For the caller: says nothing about whom else the service allows. */
  readonly detail: string
  readonly extras?: Readonly<Record<string, string>>
}

const statusOf = (refusal: Refusal) => TITLES[refusal.code].status

/** The problem document (RFC 9457). */
function bodyOf(refusal: Refusal): Buffer {
  const { status, title } = TITLES[refusal.code]
  const { code, detail, extras } = refusal
  return Buffer.from(
    JSON.stringify({ type: 'about:blank', title, status, code, detail, remedy: REMEDIES[code], ...extras }),
  )
}

function headersOf({ code }: Refusal, body: Buffer) {
  const retry = code === 'liveness_stale' ? { 'retry-after': '1' } : {}
  return {
    'content-type': 'application/problem+json',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...retry,
  }
}

/** Refuses a request of HTTP/1.1, its body unread, and ends the connection. */
export function refuseRequest(refusal: Refusal, request: IncomingMessage, response: ServerResponse): void {
  // Counts as reading, without reading: else Node would pull the whole body off the wire after the answer.
  request.read(0)
  request.on('error', () => {})
  linger(request)
  const body = bodyOf(refusal)
  response.writeHead(statusOf(refusal), { ...headersOf(refusal, body), connection: 'close' })
  response.end(body)
}

/** Refuses a request for another protocol, such as a WebSocket. */
export function refuseUpgrade(refusal: Refusal, socket: Duplex): void {
  const body = bodyOf(refusal)
  const { status, reason } = TITLES[refusal.code]
  const lines = Object.entries({ ...headersOf(refusal, body), connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.on('error', () => {})
  socket.write(`HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n`)
  socket.end(body, () => socket.destroy())
}

/**
 * Refuses a stream of HTTP/2, its body unread, and takes no more streams on its connection, unless that is `shared`: then
 * one who is refused must not end it for the others.
 */
export function refuseStream(refusal: Refusal, stream: ServerHttp2Stream, shared: boolean): void {
  stream.on('error', () => {})
  // A client that opens no window for the answer would hold the stream, and with it the connection, for ever.
  const late = setTimeout(() => stream.destroy(), LINGER_MS).unref()
  stream.once('close', () => clearTimeout(late))
  const body = bodyOf(refusal)
  stream.respond({ ':status': statusOf(refusal), ...headersOf(refusal, body) })
  // RFC 9113, 8.1: after a complete answer, NO_ERROR asks the client to stop sending.
  stream.end(body, () => stream.close(0))
  if (!shared) stream.session?.close()
}

/**
 * Where a body is still to come, gives the client time to read the answer: closing a socket that holds unread data makes
 * the kernel send a reset, which can overtake the answer (RFC 9112, 9.6).
 */
function linger(request: IncomingMessage): void {
  const { socket } = request
  // Node calls it once the answer is written.
  socket.destroySoon = () => {
    socket.end()
    if (request.complete) socket.destroy()
    else setTimeout(() => socket.destroy(), LINGER_MS).unref()
  }
}
