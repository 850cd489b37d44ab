import { decodeBase64Url, encodeBase64Url } from '../base64.ts'
import { concat, encodeUtf8 } from '../bytes.ts'
import { readDer } from '../der/reader.ts'
import { TAG } from '../der/tags.ts'
import { nullValue, oid, sequence, unsigned, wholeBits } from '../der/writer.ts'
import { ProtocolError } from '../errors.ts'
import { CURVES, KEY_OIDS } from '../oids.ts'
import type { Crypto } from '../ports.ts'
import { RSA_LIMITS, type RsaLimits, requireKeyLimits } from '../x509/key-limits.ts'
import { parsePublicKey } from '../x509/public-key.ts'
import type { JsonObject } from './json.ts'

/** A public key as JSON, the members that make the key and no others (RFC 7518, 6; RFC 8037, 2). */
export type PublicJwk =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: EcCurve; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }

type EcCurve = 'P-256' | 'P-384' | 'P-521'

/** Octets of a coordinate, and the OID. */
const EC_CURVES: ReadonlyMap<unknown, { readonly oid: string; readonly octets: number }> = new Map(
  Object.entries(CURVES).map(([curve, { type, bits }]) => [type, { oid: curve, octets: Math.ceil(bits / 8) }]),
)
const ED25519_OCTETS = 32
// RFC 7518, 6.2.2, 6.3.2 and 6.4.1: whoever publishes one of these has lost the key.
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const
// The largest modulus that any limits allow has 1024 octets; more is not even decoded.
const MAX_MEMBER_CHARACTERS = 1400

/**
 * The JWK of a public key, without `kid`, `use` and `alg`.
 *
 * @throws ProtocolError `jwk_unsupported`, and those of a public key that cannot be read
 */
export function jwkFromSpki(spki: Uint8Array): PublicJwk {
  const { type, keyBits } = parsePublicKey(spki)
  switch (type) {
    case 'RSA':
      return rsaJwk(keyBits)
    case 'P-256':
    case 'P-384':
    case 'P-521':
      return ecJwk(type, keyBits)
    case 'Ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: encodeBase64Url(keyBits) }
    case null:
      throw new ProtocolError('jwk_unsupported', 'expected an RSA, P-256, P-384, P-521 or Ed25519 key')
    default:
      return type satisfies never
  }
}

function rsaJwk(keyBits: Uint8Array): PublicJwk {
  const [n, e] = readDer(keyBits, reader => reader.each(TAG.sequence, inner => inner.integerOctets()))
  return { kty: 'RSA', n: encodeBase64Url(magnitude(n!)), e: encodeBase64Url(magnitude(e!)) }
}

/** The octets without the zero that keeps an INTEGER positive. */
function magnitude(octets: Uint8Array): Uint8Array {
  return octets[0] === 0 ? octets.subarray(1) : octets
}

function ecJwk(crv: EcCurve, point: Uint8Array): PublicJwk {
  // RFC 5480, 2.2: 04, then both coordinates in as many octets each.
  const middle = 1 + (point.length - 1) / 2
  return {
    kty: 'EC',
    crv,
    x: encodeBase64Url(point.subarray(1, middle)),
    y: encodeBase64Url(point.subarray(middle)),
  }
}

/**
 * The DER SubjectPublicKeyInfo of a public JWK, within `limits` if it is an RSA key. Members that say what the key is for
 * (`kid`, `use`, `alg`) are the caller's to judge. Whether a point is on its curve is judged when the key is used.
 *
 * @throws ProtocolError `jwk_private`, `jwk_invalid`, `jwk_unsupported`, `public_key_malformed`, `key_too_small`,
 *   `key_too_large`, `key_exponent_forbidden`
 */
export function spkiFromJwk(jwk: JsonObject, limits: RsaLimits = RSA_LIMITS): Uint8Array {
  for (const name of PRIVATE_MEMBERS)
    if (jwk[name] !== undefined) throw new ProtocolError('jwk_private', `expected a public key, got one with ${name}`)
  const spki = encodeSpki(jwk)
  requireKeyLimits(parsePublicKey(spki), limits)
  return spki
}

function encodeSpki(jwk: JsonObject): Uint8Array {
  switch (jwk.kty) {
    case 'RSA':
      return rsaSpki(jwk)
    case 'EC':
      return ecSpki(jwk)
    case 'OKP':
      return okpSpki(jwk)
    default:
      if (typeof jwk.kty !== 'string') throw new ProtocolError('jwk_invalid', 'expected kty as a string')
      throw new ProtocolError('jwk_unsupported', 'expected kty RSA, EC or OKP')
  }
}

function rsaSpki(jwk: JsonObject): Uint8Array {
  const key = sequence(unsigned(readUnsigned(jwk, 'n')), unsigned(readUnsigned(jwk, 'e')))
  return sequence(sequence(oid(KEY_OIDS.rsaEncryption), nullValue()), wholeBits(key))
}

function ecSpki(jwk: JsonObject): Uint8Array {
  const curve = EC_CURVES.get(jwk.crv)
  if (curve === undefined) throw unsupportedCurve(jwk)
  const point = concat(Uint8Array.of(4), readOctets(jwk, 'x', curve.octets), readOctets(jwk, 'y', curve.octets))
  return sequence(sequence(oid(KEY_OIDS.ecPublicKey), oid(curve.oid)), wholeBits(point))
}

function okpSpki(jwk: JsonObject): Uint8Array {
  if (jwk.crv !== 'Ed25519') throw unsupportedCurve(jwk)
  return sequence(sequence(oid(KEY_OIDS.ed25519)), wholeBits(readOctets(jwk, 'x', ED25519_OCTETS)))
}

function unsupportedCurve(jwk: JsonObject): ProtocolError {
  if (typeof jwk.crv !== 'string') return new ProtocolError('jwk_invalid', 'expected crv as a string')
  return new ProtocolError('jwk_unsupported', 'expected crv P-256, P-384, P-521 or Ed25519')
}

/** RFC 7518, 2, Base64urlUInt: no leading zeros, so that one key has one JWK and one thumbprint. */
function readUnsigned(jwk: JsonObject, name: string): Uint8Array {
  const octets = readMember(jwk, name)
  if (octets.length === 0 || octets[0] === 0)
    throw new ProtocolError('jwk_invalid', `expected ${name} as a positive number without leading zeros`)
  return octets
}

/** RFC 7518, 6.2.1.2: exactly the octets of the field, leading zeros included. */
function readOctets(jwk: JsonObject, name: string, count: number): Uint8Array {
  const octets = readMember(jwk, name)
  if (octets.length !== count)
    throw new ProtocolError('jwk_invalid', `expected ${name} with ${count} octets, got ${octets.length}`)
  return octets
}

function readMember(jwk: JsonObject, name: string): Uint8Array {
  const text = jwk[name]
  if (typeof text !== 'string' || text.length > MAX_MEMBER_CHARACTERS)
    throw new ProtocolError(
      'jwk_invalid',
      `expected ${name} as a string of at most ${MAX_MEMBER_CHARACTERS} characters`,
    )
  try {
    return decodeBase64Url(text)
  } catch (cause) {
    throw new ProtocolError('jwk_invalid', `expected ${name} in base64url without padding`, { cause })
  }
}

/** The SHA-256 thumbprint in base64url: the name of a key whatever else its JWK says (RFC 7638). */
export function jwkThumbprint(jwk: PublicJwk, crypto: Crypto): string {
  return encodeBase64Url(crypto.sha256(encodeUtf8(JSON.stringify(requiredMembers(jwk)))))
}

/** RFC 7638, 3.2: the members of the key alone, in the order of their names. */
function requiredMembers(jwk: PublicJwk): PublicJwk {
  switch (jwk.kty) {
    case 'RSA':
      return { e: jwk.e, kty: jwk.kty, n: jwk.n }
    case 'EC':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
    case 'OKP':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x }
    default:
      return jwk satisfies never
  }
}
