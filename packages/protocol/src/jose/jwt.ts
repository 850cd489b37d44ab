import { decodeUtf8, encodeUtf8 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import type { Crypto, Signer } from '../ports.ts'
import { JOSE_ALGORITHMS } from './algorithms.ts'
import { type JsonObject, type JsonValue, parseJsonObject } from './json.ts'
import { MAX_TOKEN_BYTES, signCompact, type VerifyKey, verifyCompact } from './jws.ts'

// Nested `act` claims (RFC 8693, 4.1) are the deepest that anyone has a reason to send.
const MAX_CLAIMS_DEPTH = 16
const TEXT_CLAIMS = ['iss', 'sub', 'jti'] as const
const TIME_CLAIMS = ['nbf', 'iat'] as const

/** Claims of a JWT (RFC 7519, 4.1). Times are Unix seconds. */
export interface JwtClaims {
  readonly iss?: string
  readonly sub?: string
  readonly aud?: string | readonly string[]
  readonly exp: number
  readonly nbf?: number
  readonly iat?: number
  readonly jti?: string
  readonly [claim: string]: JsonValue | undefined
}

/** What the claims are measured against. */
export interface ClaimsExpectation {
  /** The one issuer that may have written the token; not judged when absent. */
  readonly issuer?: string
  /** The own name: `aud` must hold it. */
  readonly audience: string
  /** The present, in Unix seconds. */
  readonly at: number
  /** Seconds by which the clocks of issuer and verifier may differ. */
  readonly leeway: number
}

export interface JwtExpectation extends ClaimsExpectation {
  /** The kind of token, exactly, so that one kind never passes for another (RFC 8725, 3.11). */
  readonly typ: string
  /** By `kid`. Each key carries its algorithm. */
  readonly keys: ReadonlyMap<string, VerifyKey>
  readonly maxBytes?: number
}

/** `token_expired` or `token_not_yet_valid`, with what a caller needs to tell a wrong clock from an old token. */
export class TokenTimeError extends ProtocolError {
  /** The claim that refused. */
  readonly claim: 'exp' | 'nbf' | 'iat'
  /** Its value, Unix seconds. */
  readonly value: number
  /** The verifier's time, Unix seconds. */
  readonly at: number
  /** Seconds from the claim to the verifier's time: positive when the token ended that long ago. */
  readonly skew: number

  constructor(claim: 'exp' | 'nbf' | 'iat', value: number, at: number) {
    const expired = claim === 'exp'
    super(
      expired ? 'token_expired' : 'token_not_yet_valid',
      `expected ${claim} ${expired ? 'after' : 'at or before'} ${at}, got ${value}: off by ${at - value} s`,
    )
    this.claim = claim
    this.value = value
    this.at = at
    this.skew = at - value
  }
}

/**
 * The claims of a JWT whose signature, kind, issuer, audience and times hold. `aud` and `exp` are required.
 *
 * @throws ProtocolError as {@link verifyCompact}, {@link parseClaims} and {@link checkClaims}
 */
export function verifyJwt(token: string, expected: JwtExpectation, crypto: Crypto): JwtClaims {
  const { typ, maxBytes } = expected
  const limits = { typ, algorithms: JOSE_ALGORITHMS, maxBytes: maxBytes ?? MAX_TOKEN_BYTES }
  return checkClaims(parseClaims(verifyCompact(token, expected.keys, limits, crypto).payload), expected)
}

/**
 * The same claims, once issuer, audience and times hold.
 *
 * @throws ProtocolError `jwt_claim_invalid`, `jwt_issuer_mismatch`, `jwt_audience_mismatch`
 * @throws TokenTimeError `token_expired`, `token_not_yet_valid`
 */
export function checkClaims(claims: JwtClaims, expected: ClaimsExpectation): JwtClaims {
  if (expected.issuer !== undefined && claims.iss !== expected.issuer)
    throw new ProtocolError('jwt_issuer_mismatch', `expected iss ${expected.issuer}`)
  if (!audiences(claims).includes(expected.audience))
    throw new ProtocolError('jwt_audience_mismatch', `expected aud ${expected.audience}`)
  checkTimes(claims, expected)
  return claims
}

/**
 * Claims with the types of RFC 7519, 4.1, compared with nothing. `exp` is required.
 *
 * @throws ProtocolError `json_*`, `jwt_claim_invalid`
 */
export function parseClaims(payload: Uint8Array): JwtClaims {
  const claims = parseJsonObject(decodeClaimsText(payload), {
    maxLength: payload.length,
    maxDepth: MAX_CLAIMS_DEPTH,
  })
  for (const name of TEXT_CLAIMS) if (claims[name] !== undefined) requireType(claims, name, 'string')
  for (const name of TIME_CLAIMS) if (claims[name] !== undefined) requireType(claims, name, 'number')
  requireType(claims, 'exp', 'number')
  return claims as JwtClaims
}

function decodeClaimsText(payload: Uint8Array): string {
  try {
    return decodeUtf8(payload)
  } catch (cause) {
    throw new ProtocolError('json_invalid', 'expected claims in UTF-8', { cause })
  }
}

function requireType(claims: JsonObject, name: string, type: 'string' | 'number'): void {
  if (typeof claims[name] !== type) throw new ProtocolError('jwt_claim_invalid', `expected ${name} as a ${type}`)
}

function audiences({ aud }: JwtClaims): readonly string[] {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (list.length === 0 || !list.every(value => typeof value === 'string'))
    throw new ProtocolError('jwt_claim_invalid', 'expected aud as a string or as strings, at least one')
  return list as readonly string[]
}

/**
 * Compares `exp`, `nbf` and `iat` with the present. Each comparison is written so that a time or leeway that is not a
 * number refuses.
 *
 * @throws TokenTimeError `token_expired`, `token_not_yet_valid`
 */
export function checkTimes(claims: JwtClaims, { at, leeway }: Pick<ClaimsExpectation, 'at' | 'leeway'>): void {
  // RFC 7519, 4.1.4: on or after exp the token must not be accepted.
  if (!(at < claims.exp + leeway)) throw new TokenTimeError('exp', claims.exp, at)
  for (const name of TIME_CLAIMS) {
    const value = claims[name]
    if (value !== undefined && !(at >= value - leeway)) throw new TokenTimeError(name, value, at)
  }
}

export interface JwtInput {
  readonly typ?: string
  readonly kid: string
  readonly claims: JwtClaims
}

/**
 * A signed JWT: at once when the signer answers at once, otherwise a promise of it.
 *
 * @throws TypeError for claims without a whole `exp`, or a signer whose algorithm has no name in JOSE
 */
export function signJwt({ typ, kid, claims }: JwtInput, signer: Signer): string | Promise<string> {
  if (!Number.isSafeInteger(claims.exp)) throw new TypeError('a token needs exp in whole Unix seconds')
  const header = typ === undefined ? { kid } : { kid, typ }
  return signCompact({ header, payload: encodeUtf8(JSON.stringify(claims)) }, signer)
}
