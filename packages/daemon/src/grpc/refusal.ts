import { Code, ConnectError } from '@connectrpc/connect'
import { ERRORS, type ErrorCode, LanyardError } from '@lanyard/api'
import { ProtocolError } from '@lanyard/protocol'

/** Longest text of a refusal, in characters: it travels in a header. */
const LONGEST = 1024

/** What ends a call, as a status of gRPC. A message is for the caller: it begins with our code. */
export function grpcError(code: Code, own: string, detail: string): ConnectError {
  // A header cannot hold half of a surrogate pair.
  return new ConnectError(`${own}: ${detail}`.slice(0, LONGEST).toWellFormed(), code)
}

/** The refusal of a caller that has no identity now: clients ask again after a while (SPIFFE Workload Endpoint, 6). */
export function deniedError(code: ErrorCode, detail: string): ConnectError {
  const text = 'no identity issued'
  const told = code !== 'no_identity' || detail.includes(text) ? detail : `${text}: ${detail}`
  return grpcError(Code.PermissionDenied, code, told)
}

/** The refusal of a caller that may have an identity which cannot be had now. */
export function unavailableError(code: ErrorCode, detail: string): ConnectError {
  return grpcError(Code.Unavailable, code, detail)
}

/** A request that must not be repeated: clients of SPIFFE stop for good (SPIFFE Workload Endpoint, 6). */
export function invalidError(own: string, detail: string): ConnectError {
  return grpcError(Code.InvalidArgument, own, detail)
}

/** Codes that say that the request itself is wrong. All others must not stop a client for good. */
const REQUEST_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['audience_invalid', 'header_missing'])

/** Whatever was thrown, as what the caller may know of it; null: nothing, it is a fault of ours. */
export function publicError(reason: unknown): ConnectError | null {
  if (reason instanceof ConnectError) return reason
  if (!(reason instanceof LanyardError) || reason.code === 'internal_error') return null
  const { code, message } = reason
  if (REQUEST_FAULTS.has(code)) return invalidError(code, message)
  return [403, 404, 409].includes(ERRORS[code].status) ? deniedError(code, message) : unavailableError(code, message)
}

/** What `read` makes of what the caller sent. Throws InvalidArgument with the code of what is wrong with it. */
export function readRequest<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError) throw invalidError(error.code, error.message)
    throw error
  }
}
