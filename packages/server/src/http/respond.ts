import type { ServerResponse } from 'node:http'
import { constants, type Http2ServerResponse } from 'node:http2'
import type { Streaming } from '@lanyard/api'
import { discardBody } from './body.ts'
import type { AnyRequest, AnyResponse } from './listener.ts'

/** A reply before it is written. */
export interface Reply {
  readonly status: number
  /** Absent with 204. */
  readonly media?: string
  readonly text?: string
  /** In place of a text: the reply has no end, and this writes it. */
  readonly streaming?: Streaming
  /** Whose reply without end it is on the connection of a proxy, which is everybody's there. */
  readonly reader?: string | null
  /** Further names and values in turn. */
  readonly headers?: readonly string[]
}

export interface ReplyContext {
  readonly requestId: string
  /** The connection ends with this reply. */
  readonly last: boolean
}

/**
 * Writes a reply in either protocol, or the head of one without end. Gives the bytes of its body; null for a client
 * that has gone, which gets nothing.
 */
export function respond(
  request: AnyRequest,
  response: AnyResponse,
  reply: Reply,
  context: ReplyContext,
): number | null {
  if (isGone(response) || response.headersSent) return null
  const head = ['x-request-id', context.requestId, 'cache-control', 'no-store', ...(reply.headers ?? [])]
  const bytes = reply.text === undefined ? undefined : Buffer.from(reply.text, 'utf8')
  if (bytes !== undefined) {
    head.push('content-type', reply.media ?? 'application/json', 'content-length', String(bytes.length))
  }
  if (reply.streaming !== undefined) head.push('content-type', reply.media ?? 'application/octet-stream')
  if (context.last) endAfter(response, head)
  leaveBody(request, response)
  // Both classes take names and values in turn; their declarations have no common form.
  ;(response as ServerResponse).writeHead(reply.status, head)
  if (reply.streaming !== undefined && request.method !== 'HEAD') {
    // HTTP/2 has sent it already.
    if (!isMultiplexed(response)) response.flushHeaders()
    return 0
  }
  if (bytes === undefined || request.method === 'HEAD') {
    response.end()
    // Nothing goes on after the head alone.
    return reply.streaming === undefined ? 0 : null
  }
  response.end(bytes)
  return bytes.length
}

export const isGone = (response: AnyResponse): boolean =>
  response.destroyed || (isMultiplexed(response) && (response.stream.destroyed || response.stream.closed))

/** Lets the connection end with this reply; streams that are open go on. */
function endAfter(response: AnyResponse, head: string[]): void {
  if (isMultiplexed(response)) response.stream.session?.close()
  else head.push('connection', 'close')
}

/** What is not read by now nobody will read. */
function leaveBody(request: AnyRequest, response: AnyResponse): void {
  if (request.readableEnded) return
  discardBody(request)
  // RFC 9113, 8.1: a whole reply first, then the client is told to stop sending.
  if (isMultiplexed(response)) response.once('finish', () => response.stream.close(constants.NGHTTP2_NO_ERROR))
}

export const isMultiplexed = (response: AnyResponse): response is Http2ServerResponse => 'stream' in response
