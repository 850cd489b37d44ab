import { type BundleSource, type VerifiedJwtSvid, verifyJwtSvid } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { BundleSet } from './bundles.ts'

/** What a JWT-SVID is held against. */
export interface JwtSvidExpectation {
  /** The own name, as callers ask for tokens by: the token must be meant for it. */
  readonly audience: string
  /** Whom to believe. */
  readonly bundles: BundleSet | BundleSource
  /** The present in Unix seconds; the machine's clock when absent. */
  readonly at?: number
  /** Seconds by which clocks may differ; 10 when absent. */
  readonly leewaySec?: number
}

/**
 * The identity that a JWT-SVID proves to `audience`, under the bundle of its own trust domain and no other. Whoever heard
 * the token can send it again until it ends: it proves who asked for it once, not who sends it now.
 *
 * @throws ProtocolError `jws_*`, `json_*`, `jwt_*`, `spiffe_*`, `trust_domain_*`, `svid_path_missing`, `bundle_unknown`,
 *   `token_expired`, `token_not_yet_valid`
 * @throws TypeError without an audience
 */
export function validateJwtSvid(token: string, expected: JwtSvidExpectation): VerifiedJwtSvid {
  const { audience, bundles, at = Math.floor(Date.now() / 1000), leewaySec } = expected
  if (typeof audience !== 'string' || audience === '') throw new TypeError('expected audience as the own name')
  const source = bundles instanceof BundleSet ? bundles.source : bundles
  const leeway = leewaySec === undefined ? {} : { leeway: leewaySec }
  return verifyJwtSvid({ token, audience, bundles: source, at, ...leeway }, nodeCrypto)
}
