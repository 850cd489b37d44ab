import { ProtocolError } from '../errors.ts'
import type { JsonValue } from '../jose/json.ts'
import { type JwsHeader, MAX_TOKEN_BYTES, readCompact, verifyRead } from '../jose/jws.ts'
import { checkClaims, type JwtClaims, parseClaims, signJwt } from '../jose/jwt.ts'
import type { Crypto, Signer } from '../ports.ts'
import { type BundleSource, bundleFor } from './bundle.ts'
import { SpiffeId } from './id.ts'
import { keyForHeader, SVID_TOKEN_ALGORITHMS } from './token-authority.ts'

/** Seconds by which clocks may differ unless the caller says otherwise. */
export const JWT_SVID_LEEWAY = 10

export interface JwtSvidInput {
  readonly id: SpiffeId
  /** At least one; more than one lets each of them speak to the others with the token (JWT-SVID, 6.2). */
  readonly audience: readonly string[]
  readonly kid: string
  /** Unix seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Further claims; `sub`, `aud`, `exp` and `iat` cannot be given here. */
  readonly claims?: Readonly<Record<string, JsonValue>>
}

/**
 * A JWT-SVID: at once when the signer answers at once, otherwise a promise of it.
 *
 * @throws ProtocolError `svid_path_missing` for the ID of a trust domain
 * @throws TypeError without an audience, or with a signer whose algorithm is not one of the nine (JWT-SVID, 2.1)
 */
export function signJwtSvid(input: JwtSvidInput, signer: Signer): string | Promise<string> {
  const { id, audience, kid, issuedAt, expiresAt } = input
  if (audience.length === 0) throw new TypeError('a JWT-SVID needs an audience')
  if (!SVID_TOKEN_ALGORITHMS.includes(signer.algorithm))
    throw new TypeError(`${signer.algorithm.name} does not sign JWT-SVIDs`)
  requirePath(id)
  const claims = { ...input.claims, sub: id.toString(), aud: audience, exp: expiresAt, iat: issuedAt }
  return signJwt({ typ: 'JWT', kid, claims }, signer)
}

export interface JwtSvidRequest {
  readonly token: string
  /** The own name: the token must be meant for it. */
  readonly audience: string
  readonly bundles: BundleSource
  /** The present, in Unix seconds. */
  readonly at: number
  /** {@link JWT_SVID_LEEWAY} when absent. */
  readonly leeway?: number
  /** 8192 when absent. */
  readonly maxBytes?: number
}

export interface VerifiedJwtSvid {
  readonly id: SpiffeId
  readonly claims: JwtClaims
}

/**
 * The identity that a JWT-SVID proves to `audience`, under the bundle of the trust domain in `sub` and no other.
 *
 * @throws ProtocolError `jws_*`, `json_*`, `jwt_*`, `spiffe_*`, `trust_domain_*`, `svid_path_missing`,
 *   `bundle_unknown`
 * @throws TokenTimeError `token_expired`, `token_not_yet_valid` (JWT-SVID, 4)
 */
export function verifyJwtSvid(request: JwtSvidRequest, crypto: Crypto): VerifiedJwtSvid {
  const { token, audience, bundles, at, leeway = JWT_SVID_LEEWAY, maxBytes = MAX_TOKEN_BYTES } = request
  const jws = readCompact(token, maxBytes)
  checkHeader(jws.header)
  // Read before the signature is judged, to find the keys; these very claims are used after it holds.
  const claims = parseClaims(jws.unverifiedPayload)
  const id = readSubject(claims)
  const authority = bundleFor(bundles, id.trustDomain).jwtAuthorities.get(jws.header.kid)
  if (authority === undefined)
    throw new ProtocolError('jws_key_unknown', `expected a JWT authority of ${id.trustDomain}, got another kid`)
  verifyRead(jws, keyForHeader(authority, jws.header), crypto)
  checkClaims(claims, { audience, at, leeway })
  return { id, claims }
}

function checkHeader({ alg, typ }: JwsHeader): void {
  if (!SVID_TOKEN_ALGORITHMS.some(row => row.jose === alg))
    throw new ProtocolError('jws_algorithm_forbidden', 'expected one of the nine algorithms of JWT-SVID, 2.1')
  // JWT-SVID, 2.3. Every other kind of token that we know sets typ, so none of them can pass here.
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE')
    throw new ProtocolError('jws_type_mismatch', 'expected typ JWT, JOSE or none')
}

function readSubject({ sub }: JwtClaims): SpiffeId {
  if (sub === undefined) throw new ProtocolError('jwt_claim_invalid', 'expected sub')
  return requirePath(SpiffeId.parse(sub))
}

/** JWT-SVID, 3.1: the subject is a workload, which the bare ID of a trust domain is not (SPIFFE-ID, 2.2). */
function requirePath(id: SpiffeId): SpiffeId {
  if (id.path === '') throw new ProtocolError('svid_path_missing', `expected an ID with a path, got ${id}`)
  return id
}
