import { decodeBase64, encodeBase64 } from '../base64.ts'
import { equalBytes } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject } from '../jose/json.ts'
import { jwkFromSpki, spkiFromJwk } from '../jose/jwk.ts'
import { Certificate } from '../x509/certificate.ts'
import { RSA_LIMITS, type RsaLimits } from '../x509/key-limits.ts'
import type { TrustDomain } from './id.ts'
import { type TokenAuthority, tokenAuthorityFromJwk, tokenAuthorityJwk } from './token-authority.ts'

/** Longest bundle that is read, in characters. */
export const MAX_BUNDLE_LENGTH = 1 << 20
/** Most keys in a bundle, those that are ignored counted too. */
export const MAX_BUNDLE_KEYS = 512
const MAX_SEQUENCE = (1n << 64n) - 1n
const MAX_DEPTH = 8
// The keys of roots: whoever validates a chain judges them again, by its own limits.
const ROOT_RSA_LIMITS: RsaLimits = { ...RSA_LIMITS, maxBits: 8192, minExponent: 3n }
// SPIFFE Trust Domain and Bundle, 4.2.1: elements of another type are ignored.
const KEY_TYPES: ReadonlySet<JsonValue> = new Set(['RSA', 'EC', 'OKP'])

/** The bundle of a trust domain, or undefined for one that the caller does not trust. */
export type BundleSource = (trustDomain: TrustDomain) => Bundle | undefined

/** What a bundle is made of. Token authorities are keyed by `kid`, which is unique over both kinds. */
export interface BundleContents {
  readonly trustDomain: TrustDomain
  readonly x509Authorities?: readonly Certificate[]
  readonly jwtAuthorities?: ReadonlyMap<string, TokenAuthority>
  readonly witAuthorities?: ReadonlyMap<string, TokenAuthority>
  /** 0 to 2^64 - 1; changes whenever the contents do. */
  readonly sequence?: bigint | undefined
  /** Seconds after which a reader should look again. */
  readonly refreshHint?: number | undefined
}

/**
 * The public keys that SVIDs of one trust domain are verified with (SPIFFE Trust Domain and Bundle, 4). It knows whose
 * it is, and is never merged with another. Without any key it says that nothing of this trust domain is valid.
 */
export class Bundle {
  readonly trustDomain: TrustDomain
  readonly x509Authorities: readonly Certificate[]
  readonly jwtAuthorities: ReadonlyMap<string, TokenAuthority>
  readonly witAuthorities: ReadonlyMap<string, TokenAuthority>
  readonly sequence: bigint | undefined
  readonly refreshHint: number | undefined

  private constructor(contents: BundleContents) {
    this.trustDomain = contents.trustDomain
    this.x509Authorities = Object.freeze(withoutRepetition(contents.x509Authorities ?? []))
    this.jwtAuthorities = new Map(contents.jwtAuthorities)
    this.witAuthorities = new Map(contents.witAuthorities)
    this.sequence = contents.sequence
    this.refreshHint = contents.refreshHint
    Object.freeze(this)
  }

  /**
   * A bundle of these keys.
   *
   * @throws ProtocolError `bundle_invalid`, `bundle_too_many_keys`, `bundle_key_id_duplicate`, `jwk_unsupported`
   */
  static of(contents: BundleContents): Bundle {
    const bundle = new Bundle(contents)
    checkNumbers(bundle)
    checkKeyIds(bundle)
    // Whatever can be made can be published: an authority whose key has no JWK is refused here and not when it is sent.
    checkCount(bundle.#keys().length)
    return bundle
  }

  /**
   * A bundle from its JSON text. Keys of an unknown type, curve or use are ignored, as the standard asks.
   *
   * @throws ProtocolError `json_*`, `bundle_invalid`, `bundle_too_many_keys`, `bundle_x5c_invalid`,
   *   `bundle_key_mismatch`, `bundle_key_id_missing`, `bundle_key_id_duplicate`, `jwk_invalid`, `jwk_private`, and those
   *   of a certificate
   */
  static parse(trustDomain: TrustDomain, json: string): Bundle {
    const limits = { maxLength: MAX_BUNDLE_LENGTH, maxDepth: MAX_DEPTH, exactIntegers: true }
    const document = parseJsonObject(json, limits)
    const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshHint } = document
    // A bundle without keys revokes everything; one without `keys` is a mistake that would do the same.
    if (!Array.isArray(keys)) throw invalid('expected keys as an array')
    checkCount(keys.length)
    return Bundle.of({
      trustDomain,
      ...readKeys(keys),
      sequence: sequence === undefined ? undefined : readSequence(sequence),
      refreshHint: refreshHint === undefined ? undefined : readRefreshHint(refreshHint),
    })
  }

  /** The JSON text; {@link Bundle.parse} reads it back as an equal bundle. */
  toJson(): string {
    const members = [`"keys":${JSON.stringify(this.#keys())}`]
    // Written by hand: JSON.stringify knows no bigint, and a number would round it.
    if (this.sequence !== undefined) members.push(`"spiffe_sequence":${this.sequence}`)
    if (this.refreshHint !== undefined) members.push(`"spiffe_refresh_hint":${this.refreshHint}`)
    return `{${members.join(',')}}`
  }

  #keys(): JsonObject[] {
    const tokens = (use: TokenUse, authorities: ReadonlyMap<string, TokenAuthority>) =>
      Array.from(authorities, ([kid, authority]) => ({ use, kid, ...tokenAuthorityJwk(authority) }))
    return [
      ...this.x509Authorities.map(x509Key),
      ...tokens('jwt-svid', this.jwtAuthorities),
      ...tokens('wit-svid', this.witAuthorities),
    ]
  }
}

/**
 * The bundle of exactly this trust domain.
 *
 * @throws ProtocolError `bundle_unknown`, also when the source answers with the bundle of another trust domain
 */
export function bundleFor(source: BundleSource, trustDomain: TrustDomain): Bundle {
  const bundle = source(trustDomain)
  if (bundle === undefined || !bundle.trustDomain.equals(trustDomain))
    throw new ProtocolError('bundle_unknown', `expected a bundle of ${trustDomain}, got none`)
  return bundle
}

/** A source that knows these bundles. */
export function bundleSource(...bundles: readonly Bundle[]): BundleSource {
  const byName = new Map(bundles.map(bundle => [bundle.trustDomain.name, bundle]))
  return trustDomain => byName.get(trustDomain.name)
}

type TokenUse = 'jwt-svid' | 'wit-svid'

interface KeysRead {
  readonly x509Authorities: Certificate[]
  readonly jwtAuthorities: Map<string, TokenAuthority>
  readonly witAuthorities: Map<string, TokenAuthority>
}

function readKeys(entries: readonly JsonValue[]): KeysRead {
  const keys: KeysRead = { x509Authorities: [], jwtAuthorities: new Map(), witAuthorities: new Map() }
  for (const entry of entries) {
    if (!isJsonObject(entry)) throw invalid('expected each key as an object')
    if (KEY_TYPES.has(entry.kty ?? null)) readKey(entry, keys)
  }
  return keys
}

function readKey(entry: JsonObject, keys: KeysRead): void {
  switch (entry.use) {
    case 'x509-svid': {
      const certificate = readX509Key(entry)
      if (certificate !== null) keys.x509Authorities.push(certificate)
      return
    }
    case 'jwt-svid':
      readTokenKey(entry, keys.jwtAuthorities)
      return
    case 'wit-svid':
      readTokenKey(entry, keys.witAuthorities)
      return
    default:
      // SPIFFE Trust Domain and Bundle, 4.2.2: a key for another use is for another reader.
      return
  }
}

/** The authority, or null for a key on a curve that we do not know. */
function readX509Key(entry: JsonObject): Certificate | null {
  const spki = supported(() => spkiFromJwk(entry, ROOT_RSA_LIMITS))
  if (spki === null) return null
  const x5c: JsonValue = entry.x5c ?? []
  if (!Array.isArray(x5c) || x5c.length !== 1 || typeof x5c[0] !== 'string')
    throw new ProtocolError('bundle_x5c_invalid', 'expected exactly one certificate in x5c')
  const certificate = Certificate.fromDer(decodeBase64(x5c[0]))
  // Two readers, one by JWK and one by certificate, must not trust two different keys.
  if (!equalBytes(certificate.publicKey.der, spki))
    throw new ProtocolError('bundle_key_mismatch', 'expected the key of the JWK in its certificate')
  return certificate
}

function readTokenKey(entry: JsonObject, authorities: Map<string, TokenAuthority>): void {
  const authority = supported(() => tokenAuthorityFromJwk(entry))
  if (authority === null) return
  const kid = entry.kid
  if (typeof kid !== 'string' || kid === '')
    throw new ProtocolError('bundle_key_id_missing', `expected kid on a ${entry.use} key`)
  if (authorities.has(kid)) throw duplicateKeyId(kid)
  authorities.set(kid, authority)
}

function supported<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'jwk_unsupported') return null
    throw error
  }
}

function readSequence(value: JsonValue): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  throw invalid('expected spiffe_sequence as an integer')
}

function readRefreshHint(value: JsonValue): number {
  if (typeof value === 'number') return value
  throw invalid('expected spiffe_refresh_hint as a number of seconds')
}

function checkNumbers({ sequence, refreshHint }: Bundle): void {
  if (sequence !== undefined && (sequence < 0n || sequence > MAX_SEQUENCE))
    throw invalid(`expected spiffe_sequence from 0 to ${MAX_SEQUENCE}`)
  if (refreshHint !== undefined && (!Number.isSafeInteger(refreshHint) || refreshHint < 0))
    throw invalid('expected spiffe_refresh_hint as whole seconds from 0')
}

function checkKeyIds({ jwtAuthorities, witAuthorities }: Bundle): void {
  for (const kid of witAuthorities.keys()) if (jwtAuthorities.has(kid)) throw duplicateKeyId(kid)
}

function checkCount(keys: number): void {
  if (keys > MAX_BUNDLE_KEYS)
    throw new ProtocolError('bundle_too_many_keys', `expected at most ${MAX_BUNDLE_KEYS} keys, got ${keys}`)
}

function duplicateKeyId(kid: string): ProtocolError {
  return new ProtocolError('bundle_key_id_duplicate', `expected every kid once, got ${JSON.stringify(kid)} again`)
}

function invalid(detail: string): ProtocolError {
  return new ProtocolError('bundle_invalid', detail)
}

// X509-SVID, 6.1: exactly one certificate, no kid.
function x509Key(certificate: Certificate): JsonObject {
  return { use: 'x509-svid', ...jwkFromSpki(certificate.publicKey.der), x5c: [encodeBase64(certificate.der)] }
}

function withoutRepetition(certificates: readonly Certificate[]): Certificate[] {
  const seen = new Set<string>()
  return certificates.filter(({ der }) => {
    const text = encodeBase64(der)
    return !seen.has(text) && seen.add(text)
  })
}
