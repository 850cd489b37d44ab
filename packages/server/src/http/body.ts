import { isUtf8 } from 'node:buffer'
import { LanyardError } from '@lanyard/api'
import { type JsonObject, ProtocolError, parseJsonObject } from '@lanyard/protocol'
import type { Deadlines } from './deadlines.ts'
import type { ReadHeaders } from './headers.ts'
import type { AnyRequest } from './listener.ts'

/** Objects and arrays inside of each other: ours need three. */
const MAX_DEPTH = 16
/** How much of a refused body is read and thrown away, so that the client comes to read the refusal. */
const DISCARD_BYTES = 1_048_576

/**
 * The bytes of a request's body. Throws `body_too_large` as soon as more is announced or has come than `limit`,
 * `request_timeout` when it takes too long, and never settles twice. A client that goes away in the middle gets
 * `request_invalid`, which nobody reads.
 */
export function readBody(
  request: AnyRequest,
  headers: ReadHeaders,
  limit: number,
  deadlines: Deadlines,
): Promise<Buffer> {
  if (Number(headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge(limit))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const fail = (error: LanyardError) => {
      stop()
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) fail(tooLarge(limit))
      else chunks.push(chunk)
    }
    const onEnd = () => {
      stop()
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    }
    const onClose = () => fail(new LanyardError('request_invalid', 'the request broke off in its body'))
    const inTime = deadlines.begin(() => fail(new LanyardError('request_timeout', 'the body did not arrive in time')))
    const stop = () => {
      inTime()
      request.off('data', onData).off('end', onEnd).off('close', onClose)
    }
    request.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}

const tooLarge = (limit: number) =>
  new LanyardError('body_too_large', `expected at most ${limit} bytes`, { limit_bytes: limit })

/**
 * Lets the rest of a body that nobody wants run out: a connection closed with unread bytes is reset, and the reset may
 * overtake the reply that says why. Beyond a megabyte the connection goes all the same.
 */
export function discardBody(request: AnyRequest): void {
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > DISCARD_BYTES) request.destroy()
  })
}

/** Whether a body comes with the request, as its head announces it. */
export function announcesBody(request: AnyRequest, headers: ReadHeaders): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Throws `media_type_unsupported` unless the body is announced as plain JSON. */
export function requireJson(headers: ReadHeaders): void {
  const type = headers['content-type']
  if (headers['content-encoding'] !== undefined) {
    throw new LanyardError('media_type_unsupported', 'expected a body without a content coding')
  }
  if (type === 'application/json' || (type !== undefined && JSON_TYPE.test(type))) return
  throw new LanyardError('media_type_unsupported', `expected application/json, got ${shown(type)}`)
}

const JSON_TYPE = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i

const shown = (type: string | undefined) => (type === undefined ? 'none' : JSON.stringify(type.slice(0, 80)))

/** The JSON object in the bytes. Throws `body_invalid`. */
export function parseBody(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) throw invalid('expected UTF-8')
  try {
    return parseJsonObject(bytes.toString('utf8'), { maxLength: bytes.length, maxDepth: MAX_DEPTH })
  } catch (error) {
    if (error instanceof ProtocolError) throw invalid(error.message)
    throw error
  }
}

const invalid = (message: string) =>
  new LanyardError('body_invalid', `the body is not the declared JSON object: ${message}`, {
    errors: [{ path: '', message }],
  })
