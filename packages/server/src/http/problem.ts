import { ERRORS, type ErrorCode, LanyardError, type ProblemExtras } from '@lanyard/api'
import { ProtocolError } from '@lanyard/protocol'

/** An error as it goes over the wire (RFC 9457). */
export interface Problem {
  readonly code: ErrorCode
  readonly status: number
  /** The document. */
  readonly text: string
  /** Names and values in turn, besides the content type. */
  readonly headers: readonly string[]
}

export const PROBLEM_MEDIA = 'application/problem+json'

/**
 * The one place where an error becomes a reply. What no one gave a code to is `internal_error` with the request's id
 * and nothing else: its text may hold anything.
 */
export function problemOf(error: unknown, requestId: string): Problem {
  const { code, detail, extras } = refusalOf(error)
  const { status, title, remedy } = ERRORS[code]
  const document = {
    type: `urn:lanyard:error:${code}`,
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    remedy,
    request_id: requestId,
    ...extras,
  }
  return { code, status, text: JSON.stringify(document), headers: headersOf(status, extras) }
}

/** Whether the error is one that we gave a code to. */
export const isRefusal = (error: unknown): error is LanyardError | ProtocolError =>
  error instanceof LanyardError || error instanceof ProtocolError

function refusalOf(error: unknown): { code: ErrorCode; detail?: string; extras: ProblemExtras } {
  if (error instanceof LanyardError) return { code: error.code, detail: error.message, extras: error.extras }
  if (error instanceof ProtocolError) return { code: error.code, detail: error.message, extras: {} }
  return { code: 'internal_error', extras: {} }
}

function headersOf(status: number, extras: ProblemExtras): string[] {
  // RFC 9110, 15.5.2: a 401 says how to authenticate.
  if (status === 401) return ['www-authenticate', 'Bearer realm="lanyard"']
  if (extras.allow) return ['allow', extras.allow.join(', ')]
  if (status === 429) return ['retry-after', String(extras.retry_after_sec ?? 1)]
  if (status === 503) return ['retry-after', '1']
  return []
}
