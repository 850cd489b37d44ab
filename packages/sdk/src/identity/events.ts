import type { SubjectKind } from '@lanyard/protocol'
import type { IdentityError } from '../errors.ts'
import type { GuardStanding } from '../guard/guard.ts'
import type { Peer } from '../mtls/session.ts'
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
  /** That of the error. */
  readonly code: string
  /** What a person can do. */
  readonly remedy: string
  /** When the present certificate ends; null before there was one. */
  readonly validUntil: Date | null
}

/** The own identity was taken back: connections have ended, and calls are refused until it is given again. */
export interface Withdrawn {
  /** Why, as far as was said: `no_identity`, or what a Lanyard daemon says in its place. */
  readonly error: IdentityError
  /** That of the error. */
  readonly code: string
}

/** A peer that was refused, at the handshake or at a request. */
export interface Refused {
  /** Why, with what the peer proved to be in its message. */
  readonly error: IdentityError
  readonly remoteAddress: string | undefined
}

/** It is known in another way than before who is alive. */
export interface LivenessChange {
  readonly standing: GuardStanding
  /** What went wrong last with the feed; null: nothing. */
  readonly error: IdentityError | null
}

/** A connection or a call that was ended, since its peer is dead. */
export interface Cut {
  readonly peer: Peer
  /** `client`: it was this side's own call. */
  readonly side: 'client' | 'server'
  /** What of its identity is dead: `agent`, `tenant`, `lineage`, `key` or `issuer`. */
  readonly dead: SubjectKind
}

/** What an identity emits: name → arguments of a listener. */
export interface IdentityEvents {
  /** A new certificate is in use. */
  renewed: [svid: Svid]
  failing: [failing: Failing]
  lost: [lost: Lost]
  withdrawn: [withdrawn: Withdrawn]
  refused: [refused: Refused]
  liveness: [change: LivenessChange]
  cut: [cut: Cut]
  /** It serves without hearing of kills: see the option `authority`. A warning of the process where nobody listens. */
  unguarded: []
  /** Its address could not be told to the authority; that is tried again. */
  unannounced: [error: IdentityError]
}
