import { LanyardError, type ProblemExtras } from '@lanyard/api'
import { isoTime } from '@lanyard/authority'
import type { JsonObject } from '@lanyard/protocol'
import type { TokenSource } from './ports.ts'
import { invalid, shown } from './read-token.ts'

/** Seconds by which the provider's clock and ours may differ. */
const LEEWAY = 10
const MAX_AUDIENCES = 32

/** When a token was made and when it ends at the latest, Unix seconds. */
export interface TokenTimes {
  readonly iat: number
  readonly exp: number
  readonly nbf: number | null
}

/** The types of the claims that are judged. Throws `external_token_invalid`. */
export function checkTypes(claims: JsonObject, issuer: string): TokenTimes {
  if (claims.iss !== issuer) throw invalid(`expected iss ${issuer}`)
  // RFC 7800, 3.1 and RFC 9449, 7: it counts beside the proof of a key alone, and no proof is taken here.
  if (claims.cnf !== undefined) throw invalid('expected a token that is not bound to a key (cnf)')
  const nbf = claims.nbf === undefined ? null : requireTime(claims, 'nbf')
  return { iat: requireTime(claims, 'iat'), exp: requireTime(claims, 'exp'), nbf }
}

// Beyond the year 9999 no other program can write the time.
const LAST_TIME = 253_402_300_799

function requireTime(claims: JsonObject, name: string): number {
  const value = claims[name]
  if (typeof value !== 'number' || !(value >= 0 && value <= LAST_TIME))
    throw invalid(`expected ${name} in Unix seconds`)
  return value
}

/**
 * Judges the times at `now` (Unix milliseconds). Throws `external_token_expired` for a token that has ended or is older
 * than allowed, `external_token_invalid` for one of the future; both say by how much.
 */
export function checkTimes({ iat, exp, nbf }: TokenTimes, maxAgeSec: number, now: number): void {
  const at = now / 1000
  // Written so that a time that is no number refuses.
  if (!(at < exp + LEEWAY)) throw ended(`expected exp after ${isoTime(now)}`, at, exp)
  if (!(at < iat + maxAgeSec + LEEWAY))
    throw ended(`expected a token of the last ${maxAgeSec} s by iat`, at, iat + maxAgeSec)
  for (const [name, from] of [['iat', iat] as const, ['nbf', nbf ?? iat] as const])
    if (!(at >= from - LEEWAY)) throw invalid(`expected ${name} at or before ${isoTime(now)}`, timesOf(at, from))
}

const ended = (detail: string, at: number, until: number) =>
  new LanyardError(
    'external_token_expired',
    `${detail}, got one that ended ${Math.ceil(at - until)} s ago`,
    timesOf(at, until),
  )

const timesOf = (at: number, claim: number): ProblemExtras => ({
  server_time: isoTime(Math.floor(at) * 1000),
  skew_sec: Math.trunc(at - claim),
})

/**
 * Every audience must be one of ours: a token that is for somebody else too can be shown here by that one. Throws
 * `external_token_invalid`.
 */
export function checkAudience(claims: JsonObject, { audiences }: Pick<TokenSource, 'audiences'>): void {
  const { aud } = claims
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (named.length === 0 || named.length > MAX_AUDIENCES)
    throw invalid(`expected aud with 1 to ${MAX_AUDIENCES} audiences`)
  for (const audience of named)
    if (typeof audience !== 'string' || !audiences.includes(audience))
      throw invalid(`expected aud to hold ${audiences.join(' or ')} and nothing else, got ${shown(audience)}`)
}
