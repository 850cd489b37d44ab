import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { Code, type ContextValues } from '@connectrpc/connect'
import type { UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol'

/** Longest deadline that a timer can wait for; what is longer is none. */
const LONGEST_DEADLINE_MS = 2 ** 31 - 1
const GRPC_TYPE = 'application/grpc'
const TIMEOUT = /^(\d{1,8})([HMS])$/
const SECONDS: Readonly<Record<string, number>> = { H: 3600, M: 60, S: 1 }

/** A call as Connect reads it. */
export function requestOf(
  headers: IncomingHttpHeaders,
  body: UniversalServerRequest['body'],
  signal: AbortSignal,
  contextValues: ContextValues,
): UniversalServerRequest {
  return {
    httpVersion: '2.0',
    method: headers[':method'] as string,
    // Not the authority that the caller names: clients on Unix sockets send paths there, or nothing.
    url: `http://localhost${headers[':path']}`,
    header: headerOf(headers),
    body,
    signal,
    contextValues,
  }
}

function headerOf(headers: IncomingHttpHeaders): Headers {
  const header = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue
    if (name !== 'grpc-timeout' || !isBeyondTimers(String(value))) header.set(name, String(value))
  }
  return header
}

// A timer of more than 24 days fires at once.
function isBeyondTimers(timeout: string): boolean {
  const [, count, unit] = TIMEOUT.exec(timeout) ?? []
  return count !== undefined && Number(count) * SECONDS[unit!]! * 1000 > LONGEST_DEADLINE_MS
}

/** Sends what a handler answered, no faster than the caller reads. The status of gRPC comes back. */
export async function respond(stream: ServerHttp2Stream, response: UniversalServerResponse): Promise<Code | 0> {
  const { status, header, body, trailer } = response
  if (!body || !trailer) {
    respondWithHttp(stream, status)
    return Code.Unknown
  }
  if (isOpen(stream)) {
    stream.once('wantTrailers', () => stream.sendTrailers(plain(trailer)))
    stream.respond({ ...plain(header), ':status': status, 'content-type': GRPC_TYPE }, { waitForTrailers: true })
  }
  for await (const chunk of body) {
    if (!isOpen(stream)) return Code.Canceled
    if (!stream.write(chunk)) await drained(stream)
  }
  if (!isOpen(stream)) return Code.Canceled
  stream.end()
  return Number(trailer.get('grpc-status')) as Code | 0
}

/** Ends a call that no handler sees: headers alone, with the status in them. */
export function respondWithStatus(stream: ServerHttp2Stream, code: Code, message: string): void {
  const headers = {
    ':status': 200,
    'content-type': GRPC_TYPE,
    'grpc-status': String(code),
    'grpc-message': encodeURIComponent(message),
  }
  if (isOpen(stream)) stream.respond(headers, { endStream: true })
}

/** Ends a call that is none of gRPC. */
export function respondWithHttp(stream: ServerHttp2Stream, status: number): void {
  if (isOpen(stream)) stream.respond({ ':status': status }, { endStream: true })
}

const isOpen = (stream: ServerHttp2Stream): boolean => !stream.destroyed && !stream.closed
const plain = (header: Headers | undefined): OutgoingHttpHeaders => Object.fromEntries(header ?? [])

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.once('drain', done)
    stream.once('close', done)
  })
}
