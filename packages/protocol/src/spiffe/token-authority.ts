import type { SignatureAlgorithm } from '../algorithms.ts'
import { ProtocolError } from '../errors.ts'
import { JOSE_ALGORITHMS, joseAlgorithmsFor } from '../jose/algorithms.ts'
import type { JsonObject } from '../jose/json.ts'
import { jwkFromSpki, spkiFromJwk } from '../jose/jwk.ts'
import type { JwsHeader, VerifyKey } from '../jose/jws.ts'
import { requireKeyLimits } from '../x509/key-limits.ts'
import { parsePublicKey } from '../x509/public-key.ts'

/** The nine algorithms of JWT-SVID, 2.1 (RFC 7518, 3.3 to 3.5). */
export const SVID_TOKEN_ALGORITHMS: readonly SignatureAlgorithm[] = JOSE_ALGORITHMS.filter(row => row.hash !== null)

/** A public key that JWT-SVIDs or WIT-SVIDs are verified with. */
export interface TokenAuthority {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /**
   * What the key may have signed with: one algorithm, or all six of RSA where the publisher of the key names none, which
   * the standard allows. A curve always means one.
   */
  readonly algorithms: readonly SignatureAlgorithm[]
}

/**
 * An authority for this key, pinned to `algorithm` where one is given.
 *
 * @throws ProtocolError `jwk_unsupported` for a key that cannot sign with any of the nine, or not with `algorithm`;
 *   `key_*` for one outside of the limits
 */
export function tokenAuthority(spki: Uint8Array, algorithm?: SignatureAlgorithm): TokenAuthority {
  const { type } = requireKeyLimits(parsePublicKey(spki))
  const able = type === null ? [] : joseAlgorithmsFor(type).filter(row => SVID_TOKEN_ALGORITHMS.includes(row))
  const algorithms = algorithm === undefined ? able : able.filter(row => row === algorithm)
  if (algorithms.length === 0)
    throw new ProtocolError('jwk_unsupported', `expected a key for ${algorithm?.jose ?? 'one of the nine algorithms'}`)
  return { spki, algorithms }
}

/**
 * An authority from its JWK; `alg` pins it.
 *
 * @throws ProtocolError `jwk_invalid`, `jwk_private`, `key_*`, `jwk_unsupported`, also for an `alg` that is none of the nine or
 *   that the key cannot have
 */
export function tokenAuthorityFromJwk(jwk: JsonObject): TokenAuthority {
  const spki = spkiFromJwk(jwk)
  const alg = jwk.alg
  if (alg === undefined) return tokenAuthority(spki)
  const algorithm = SVID_TOKEN_ALGORITHMS.find(row => row.jose === alg)
  if (algorithm === undefined) throw new ProtocolError('jwk_unsupported', 'expected alg as one of the nine algorithms')
  return tokenAuthority(spki, algorithm)
}

/** The JWK of an authority, without `kid` and `use`. */
export function tokenAuthorityJwk({ spki, algorithms }: TokenAuthority): JsonObject {
  const [only, ...more] = algorithms
  const jwk = jwkFromSpki(spki)
  return more.length === 0 ? { ...jwk, alg: only!.jose } : { ...jwk }
}

/**
 * The key for a token with this header. The authority's own list decides; the header only picks within it.
 *
 * @throws ProtocolError `jws_algorithm_mismatch`
 */
export function keyForHeader({ spki, algorithms }: TokenAuthority, { alg }: JwsHeader): VerifyKey {
  const algorithm = algorithms.find(row => row.jose === alg)
  if (algorithm === undefined)
    throw new ProtocolError('jws_algorithm_mismatch', 'expected the algorithm that the authority was published for')
  return { algorithm, spki }
}
