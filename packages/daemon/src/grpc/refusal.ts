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

/** Whatever was thrown, as what the caller may know of it; null: nothing, it is a fault of ours. */
export function publicError(reason: unknown): ConnectError | null {
  if (reason instanceof ConnectError) return reason
  if (reason instanceof ProtocolError) return invalidError(reason.code, reason.message)
  if (!(reason instanceof LanyardError)) return null
  const { status } = ERRORS[reason.code]
  if (status === 400) return invalidError(reason.code, reason.message)
  if (status >= 500 || status === 429) return unavailableError(reason.code, reason.message)
  return deniedError(reason.code, reason.message)
}
