import { MAX_TOKEN_BYTES, parseClaims, readCompact, SpiffeId } from '@lanyard/protocol'
import { JwtSvidResponse, WitSvidResponse } from './messages.ts'
import { sound } from './x509-context.ts'

/** What a JWT-SVID is asked for. */
export interface JwtSvidChoice {
  /** Whom the token is for: at least one name. With several of them each could use it towards the others. */
  readonly audience: string | readonly string[]
  /** Which of the identities; the default one when absent. */
  readonly id?: string | SpiffeId
  readonly signal?: AbortSignal
}

/** A JWT-SVID that the Workload API gave. It is a bearer token: whoever has it can use it. */
export class JwtSvid {
  readonly id: SpiffeId
  /** Unix seconds. */
  readonly expiresAt: number
  readonly audience: readonly string[]
  /** What the operator calls the identity; null: it has no such name. */
  readonly hint: string | null
  /** For `Authorization: Bearer`. */
  readonly token: string

  /** @throws ProtocolError for what is no token, TypeError for one of another ID */
  constructor(token: string, id: SpiffeId, hint: string | null) {
    // Not verified: it came from whoever is believed about identities, and whoever gets it verifies it.
    const { sub, exp, aud = [] } = parseClaims(readCompact(token, MAX_TOKEN_BYTES).unverifiedPayload)
    if (sub !== `${id}`) throw new TypeError(`expected a token for ${id}, got one for another`)
    this.id = id
    this.expiresAt = exp
    this.audience = typeof aud === 'string' ? [aud] : aud
    this.hint = hint
    this.token = token
    hide(this, 'token')
  }

  /** Whether it has ended, at a moment in Unix milliseconds. */
  hasEnded(at: number): boolean {
    return at >= this.expiresAt * 1000
  }

  /** What may be shown: nothing of the token. */
  toJSON() {
    return { id: `${this.id}`, audience: this.audience, expiresAt: this.expiresAt, hint: this.hint }
  }
}

/** A WIT-SVID with its key: a proof is made with the key for each request, the token alone proves nothing. */
export interface WitSvid {
  readonly id: SpiffeId
  readonly token: string
  /** JWK of the private key, as text. */
  readonly keyJwk: string
  readonly hint: string | null
}

/** @throws IdentityError `workload_api_reply_invalid` */
export function readJwtSvids(bytes: Uint8Array): JwtSvid[] {
  return sound(() =>
    JwtSvidResponse.decode(bytes).svids.map(
      ({ spiffeId, svid, hint }) => new JwtSvid(svid, SpiffeId.parse(spiffeId), hint || null),
    ),
  )
}

/** @throws IdentityError `workload_api_reply_invalid` */
export function readWitSvids(bytes: Uint8Array): WitSvid[] {
  return sound(() =>
    WitSvidResponse.decode(bytes).svids.map(({ spiffeId, svid, key, hint }) =>
      hide({ id: SpiffeId.parse(spiffeId), token: svid, keyJwk: key, hint: hint || null }, 'token', 'keyJwk'),
    ),
  )
}

/** @throws TypeError without an audience, which would be a token for anyone */
export function requireAudience(audience: JwtSvidChoice['audience']): readonly string[] {
  const names = typeof audience === 'string' ? [audience] : [...audience]
  if (names.length === 0 || names.some(name => typeof name !== 'string' || name === ''))
    throw new TypeError('expected audience as one or more names, none of them empty')
  return names
}

/** Not enumerable, so that they are in no log, no dump and no JSON of the object. */
function hide<T extends object>(value: T, ...names: readonly (keyof T & string)[]): T {
  for (const name of names) Object.defineProperty(value, name, { enumerable: false })
  return value
}
