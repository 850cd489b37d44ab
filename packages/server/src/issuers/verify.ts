import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import { type Crypto, encodeUtf8, type JsonObject, ProtocolError, toHex } from '@lanyard/protocol'
import { compactVerify } from 'jose'
import { checkAudience, checkTimes, checkTypes } from './check-claims.ts'
import type { ProviderKey } from './key-set.ts'
import type { KeySources } from './key-sources.ts'
import type { Explain, TokenSource, VerifiedToken } from './ports.ts'
import { invalid, type ReadToken, readClaims, readToken, shown } from './read-token.ts'

export interface VerifyParts {
  readonly sources: KeySources
  readonly clock: Clock
  readonly crypto: Crypto
}

/**
 * Verifies a JWT of somebody else's, step by step, each explained. Nothing that the token says chooses how: its `alg`
 * must be one that the source allows and that its key has, and its `kid` is compared with names, letter by letter.
 *
 * @throws LanyardError `external_token_invalid`, `external_token_expired`, `idp_unreachable`, `idp_address_forbidden`
 */
export async function verifyExternal(
  token: string,
  source: TokenSource,
  explain: Explain,
  { sources, clock, crypto }: VerifyParts,
): Promise<VerifiedToken> {
  const steps = new Steps(explain)
  const read = await steps.take(
    'read',
    () => readAllowed(token, source),
    ({ alg, kid }) => `alg ${alg}, kid ${shown(kid ?? undefined)}`,
  )
  await steps.take(
    'issuer',
    () => requireIssuer(read, source),
    () => `iss ${source.issuer}`,
  )
  const key = await steps.take(
    'keys',
    () => sources.of(source).keyFor(read, source.changedAt),
    ({ kid }) => `key ${shown(kid ?? undefined)}`,
  )
  const claims = await steps.take(
    'signature',
    () => verifySignature(token, read, key),
    () => `signed with ${read.alg}`,
  )
  const times = await steps.take(
    'claims',
    () => checkTypes(claims, source.issuer),
    () => 'iss, iat and exp are there',
  )
  const { maxTokenAgeSec } = source
  const now = clock.now()
  await steps.take(
    'age',
    () => checkTimes(times, maxTokenAgeSec, now),
    () => `${Math.max(0, Math.round(now / 1000 - times.iat))} s old`,
  )
  await steps.take(
    'audience',
    () => checkAudience(claims, source),
    () => `aud ${[claims.aud].flat().join(', ')}`,
  )
  return {
    claims,
    hash: toHex(crypto.sha256(encodeUtf8(read.signingInput))),
    issuedAt: Math.floor(times.iat * 1000),
    expiresAt: Math.floor(Math.min(times.exp, times.iat + maxTokenAgeSec) * 1000),
  }
}

/** `iss` of a token, believed in nothing. Throws `external_token_invalid`, and says why, for a token that none can be. */
export function requireIssuerIn(token: string): string {
  try {
    return readToken(token).unverifiedIssuer
  } catch (error) {
    throw refusalOf(error)
  }
}

/** The same; null in place of what is thrown. */
export function issuerIn(token: string): string | null {
  try {
    return requireIssuerIn(token)
  } catch {
    return null
  }
}

const refusalOf = (error: unknown): unknown =>
  error instanceof ProtocolError ? invalid(`${error.code}: ${error.message}`) : error

/** Takes steps one after the other, and tells of each. */
class Steps {
  readonly #explain: Explain

  constructor(explain: Explain) {
    this.#explain = explain
  }

  async take<T>(step: string, work: () => T | Promise<T>, said: (done: T) => string): Promise<T> {
    try {
      const done = await work()
      this.#explain(step, true, said(done))
      return done
    } catch (error) {
      const refusal = refusalOf(error)
      this.#explain(step, false, refusal instanceof LanyardError ? refusal.message : 'an unexpected error')
      throw refusal
    }
  }
}

function readAllowed(token: string, { algorithms }: TokenSource): ReadToken {
  const read = readToken(token)
  if (!algorithms.includes(read.alg)) throw invalid(`expected alg ${algorithms.join(' or ')}, got ${read.alg}`)
  return read
}

function requireIssuer({ unverifiedIssuer }: ReadToken, { issuer }: TokenSource): void {
  if (unverifiedIssuer !== issuer) throw invalid(`expected iss ${issuer}, got ${shown(unverifiedIssuer)}`)
}

/** The claims as they were signed. What `jose` gives is what it verified; nothing of the first reading is used. */
async function verifySignature(token: string, { alg }: ReadToken, { key }: ProviderKey): Promise<JsonObject> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [alg] })
    return readClaims(payload)
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause
    throw new LanyardError('external_token_invalid', `expected a signature by this key with ${alg}`, {}, { cause })
  }
}
