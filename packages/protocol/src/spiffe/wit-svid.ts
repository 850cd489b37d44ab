import { ProtocolError } from '../errors.ts'
import { isJsonObject, type JsonValue } from '../jose/json.ts'
import { MAX_TOKEN_BYTES, readCompact, verifyRead } from '../jose/jws.ts'
import { checkTimes, type JwtClaims, parseClaims, signJwt } from '../jose/jwt.ts'
import type { Crypto, Signer } from '../ports.ts'
import { type BundleSource, bundleFor } from './bundle.ts'
import { SpiffeId } from './id.ts'
import { JWT_SVID_LEEWAY } from './jwt-svid.ts'
import {
  keyForHeader,
  SVID_TOKEN_ALGORITHMS,
  type TokenAuthority,
  tokenAuthority,
  tokenAuthorityFromJwk,
  tokenAuthorityJwk,
} from './token-authority.ts'

/** `typ` of WIT-SVIDs: none of them passes for another kind of token, and none is ever a bearer token. */
export const WIT_SVID_TYP = 'wit+jwt'

export interface WitSvidInput {
  readonly id: SpiffeId
  /** DER SubjectPublicKeyInfo of the workload, which proved the private half. */
  readonly spki: Uint8Array
  readonly kid: string
  /** Unix seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Further claims; `sub`, `exp`, `iat` and `cnf` cannot be given here, nor `aud` at all. */
  readonly claims?: Readonly<Record<string, JsonValue>>
}

/**
 * A WIT-SVID: at once when the signer answers at once, otherwise a promise of it. An RSA key is bound to RS256, a curve to
 * the algorithm that it has.
 *
 * @throws ProtocolError `svid_path_missing` for the ID of a trust domain; `jwk_unsupported` and `key_*` for a key of the
 *   workload that cannot sign with any of the nine algorithms
 * @throws TypeError with `aud` among the claims, or with a signer whose algorithm is not one of the nine
 */
export function signWitSvid(input: WitSvidInput, signer: Signer): string | Promise<string> {
  const { id, kid, issuedAt, expiresAt } = input
  if (!SVID_TOKEN_ALGORITHMS.includes(signer.algorithm))
    throw new TypeError(`${signer.algorithm.name} does not sign WIT-SVIDs`)
  if (input.claims?.aud !== undefined) throw new TypeError('a WIT-SVID has no audience')
  requirePath(id)
  const claims = {
    ...input.claims,
    sub: id.toString(),
    exp: expiresAt,
    iat: issuedAt,
    cnf: { jwk: boundKey(input.spki) },
  }
  return signJwt({ typ: WIT_SVID_TYP, kid, claims }, signer)
}

function boundKey(spki: Uint8Array) {
  const [algorithm] = tokenAuthority(spki).algorithms
  return tokenAuthorityJwk({ spki, algorithms: [algorithm!] })
}

export interface WitSvidRequest {
  readonly token: string
  readonly bundles: BundleSource
  /** The present, in Unix seconds. */
  readonly at: number
  /** {@link JWT_SVID_LEEWAY} when absent. */
  readonly leeway?: number
  /** 8192 when absent. */
  readonly maxBytes?: number
}

export interface VerifiedWitSvid {
  readonly id: SpiffeId
  /** The key whose possession must be proved beside the token, with the one algorithm that it is bound to. */
  readonly key: TokenAuthority
  readonly claims: JwtClaims
}

/**
 * The identity and the key that a WIT-SVID binds, under the bundle of the trust domain in `sub` and no other. It proves
 * nothing of who sent it: that takes a proof by the key.
 *
 * @throws ProtocolError `jws_*`, `json_*`, `jwt_*`, `jwk_*`, `spiffe_*`, `trust_domain_*`, `svid_path_missing`, `bundle_unknown`
 * @throws TokenTimeError `token_expired`, `token_not_yet_valid`
 */
export function verifyWitSvid(request: WitSvidRequest, crypto: Crypto): VerifiedWitSvid {
  const { token, bundles, at, leeway = JWT_SVID_LEEWAY, maxBytes = MAX_TOKEN_BYTES } = request
  const jws = readCompact(token, maxBytes)
  if (jws.header.typ !== WIT_SVID_TYP) throw new ProtocolError('jws_type_mismatch', `expected typ ${WIT_SVID_TYP}`)
  // Read before the signature is judged, to find the keys; these very claims are used after it holds.
  const claims = parseClaims(jws.unverifiedPayload)
  if (claims.sub === undefined) throw new ProtocolError('jwt_claim_invalid', 'expected sub')
  const id = requirePath(SpiffeId.parse(claims.sub))
  const authority = bundleFor(bundles, id.trustDomain).witAuthorities.get(jws.header.kid)
  if (authority === undefined)
    throw new ProtocolError('jws_key_unknown', `expected a WIT authority of ${id.trustDomain}, got another kid`)
  verifyRead(jws, keyForHeader(authority, jws.header), crypto)
  if (claims.aud !== undefined) throw new ProtocolError('jwt_claim_invalid', 'expected no aud')
  checkTimes(claims, { at, leeway })
  return { id, key: readKey(claims), claims }
}

function readKey({ cnf }: JwtClaims): TokenAuthority {
  const jwk = isJsonObject(cnf ?? null) ? (cnf as { readonly jwk?: JsonValue }).jwk : undefined
  if (jwk === undefined || !isJsonObject(jwk)) throw new ProtocolError('jwt_claim_invalid', 'expected cnf.jwk')
  if (jwk.alg === undefined) throw new ProtocolError('jwt_claim_invalid', 'expected alg in cnf.jwk')
  return tokenAuthorityFromJwk(jwk)
}

function requirePath(id: SpiffeId): SpiffeId {
  if (id.path === '') throw new ProtocolError('svid_path_missing', `expected an ID with a path, got ${id}`)
  return id
}
