import type { IdentityError } from '../errors.ts'
import type { Svid } from './svid.ts'

/** A renewal that failed and will be tried again. The present certificate stays in use while it lasts. */
export interface Failing {
  readonly error: IdentityError
  /** Failures in a row. */
  readonly failures: number
  /** When it is tried again. */
  readonly retryAt: Date
  /** When the present certificate ends; null before there was one. */
  readonly validUntil: Date | null
}

/** A renewal that failed for good: a person must act, as `remedy` says; then `renew()` or a restart tries again. */
export interface Lost {
  readonly error: IdentityError
  readonly code: string
  readonly remedy: string
  readonly validUntil: Date | null
}

/** A peer that was refused, at the handshake or at a request. */
export interface Refused {
  readonly error: IdentityError
  readonly remoteAddress: string | undefined
}

export interface IdentityEvents {
  renewed: [svid: Svid]
  failing: [failing: Failing]
  lost: [lost: Lost]
  refused: [refused: Refused]
}
