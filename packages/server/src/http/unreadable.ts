import type { Socket } from 'node:net'
import type { ErrorCode } from '@lanyard/api'
import { LanyardError } from '@lanyard/api'
import { connectionOf } from './connection.ts'
import { problemOf } from './problem.ts'
import { newRequestId } from './request-id.ts'

/**
 * Answers what the HTTP/1.1 parser refused, as a problem like every other, and closes the connection. Without a
 * handshake there is nobody to answer; with a reply under way, another one in the middle of it would be read as part of it.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  const connection = connectionOf(socket)
  if (!connection || connection.underWay > 0 || !socket.writable) {
    socket.destroy()
    return
  }
  const { code, detail } = refusalOf(error.code)
  const { status, text } = problemOf(new LanyardError(code, detail), newRequestId())
  const head = [
    `HTTP/1.1 ${status} ${REASONS[code]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
  socket.once('finish', () => socket.destroySoon())
}

const REASONS: Partial<Record<ErrorCode, string>> = {
  headers_too_large: 'Request Header Fields Too Large',
  request_timeout: 'Request Timeout',
  request_invalid: 'Bad Request',
}

function refusalOf(parserCode: string | undefined): { code: ErrorCode; detail: string } {
  switch (parserCode) {
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'headers_too_large', detail: 'the request headers are larger than this server reads' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request_timeout', detail: 'the request did not arrive in time' }
    default:
      return { code: 'request_invalid', detail: `the parser refused the request (${parserCode ?? 'no code'})` }
  }
}
