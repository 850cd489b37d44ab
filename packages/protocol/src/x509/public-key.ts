import type { KeyType } from '../algorithms.ts'
import { type DerReader, readCopy, readDer } from '../der/reader.ts'
import { TAG } from '../der/tags.ts'
import { readValue } from '../der/value.ts'
import { ProtocolError } from '../errors.ts'
import { CURVES, KEY_OIDS } from '../oids.ts'
import type { Crypto } from '../ports.ts'

/** A public key, taken apart as far as limits and policies need it. Whether it lies on its curve is for {@link Crypto}. */
export interface PublicKeyInfo {
  /** The whole SubjectPublicKeyInfo. */
  readonly der: Uint8Array
  /** OID of the algorithm. */
  readonly oid: string
  /** OID of the named curve of an EC key. */
  readonly curve?: string
  /** Null for keys that nothing here signs or verifies with. */
  readonly type: KeyType | null
  /** Bits of the RSA modulus or of the curve; 0 when `type` is null. */
  readonly bits: number
  /** The public exponent of an RSA key. */
  readonly exponent?: bigint
  /** Content of the BIT STRING subjectPublicKey, without its octet of unused bits. */
  readonly keyBits: Uint8Array
}

/** More than any key we verify with, so that a certificate cannot carry a megabyte of key. */
const MAX_SPKI_BYTES = 16_384

/**
 * A public key from a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). Throws `der_*`; `public_key_malformed` for a known
 * algorithm with other parameters or key octets than it has; `public_key_curve_explicit` for an EC key that brings its own
 * curve.
 */
export const parsePublicKey = (spki: Uint8Array): PublicKeyInfo => readCopy(spki, readPublicKey, MAX_SPKI_BYTES)

/** {@link parsePublicKey} for the next value. */
export function readPublicKey(reader: DerReader): PublicKeyInfo {
  const { bytes: der, value } = reader.recorded(outer => outer.inside(TAG.sequence, readKey))
  return { der, ...value }
}

type KeyParts = Omit<PublicKeyInfo, 'der'>

function readKey(reader: DerReader): KeyParts {
  const algorithm = reader.inside(TAG.sequence, readAlgorithm)
  const keyBits = reader.wholeBits()
  switch (algorithm.oid) {
    case KEY_OIDS.rsaEncryption:
      return { ...algorithm, keyBits, type: 'RSA', ...readDer(keyBits, readRsaKey, MAX_SPKI_BYTES) }
    case KEY_OIDS.ecPublicKey:
      return { ...algorithm, keyBits, ...curveOf(algorithm.curve, keyBits) }
    case KEY_OIDS.ed25519:
      requireLength('an Ed25519 key', keyBits, 32)
      return { ...algorithm, keyBits, type: 'Ed25519', bits: 256 }
    default:
      return { ...algorithm, keyBits, type: null, bits: 0 }
  }
}

function readAlgorithm(reader: DerReader): { oid: string; curve?: string } {
  const oid = reader.oid()
  switch (oid) {
    case KEY_OIDS.rsaEncryption:
      // RFC 3279, 2.3.1: parameters are NULL.
      reader.null()
      return { oid }
    case KEY_OIDS.ecPublicKey:
      return { oid, curve: readCurve(reader) }
    case KEY_OIDS.ed25519:
      // RFC 8410, 3: no parameters.
      if (!reader.done) throw new ProtocolError('public_key_malformed', 'expected an Ed25519 key without parameters')
      return { oid }
    default:
      if (!reader.done) readValue(reader)
      return { oid }
  }
}

// RFC 5480, 2.1.1: named curves only. Whoever may choose the generator can make a private key for any public point
// (CVE-2020-0601).
function readCurve(reader: DerReader): string {
  if (reader.nextTag === TAG.oid) return reader.oid()
  throw new ProtocolError('public_key_curve_explicit', 'expected a named curve')
}

// RFC 8017, A.1.1
function readRsaKey(reader: DerReader): { bits: number; exponent: bigint } {
  return reader.inside(TAG.sequence, key => {
    const modulus = key.integerOctets()
    const exponent = key.integer()
    const bits = bitLength(modulus)
    if (bits === 0 || exponent <= 0n)
      throw new ProtocolError('public_key_malformed', 'expected a positive modulus and exponent')
    return { bits, exponent }
  })
}

/** Bits of a positive INTEGER; 0 for one that is not positive. */
function bitLength(octets: Uint8Array): number {
  const lead = octets[0] === 0 ? octets.subarray(1) : octets
  if (lead.length === 0 || octets[0]! & 0x80) return 0
  return 8 * lead.length - Math.clz32(lead[0]!) + 24
}

function curveOf(curve: string | undefined, point: Uint8Array): { type: KeyType | null; bits: number } {
  const known = CURVES[curve ?? '']
  if (known === undefined) return { type: null, bits: 0 }
  // RFC 5480, 2.2: compressed points are optional, and no tool makes them.
  requireLength(`an uncompressed point of ${known.type}`, point, 1 + 2 * Math.ceil(known.bits / 8))
  if (point[0] !== 4) throw new ProtocolError('public_key_malformed', 'expected an uncompressed point')
  return known
}

function requireLength(what: string, octets: Uint8Array, length: number): void {
  if (octets.length === length) return
  throw new ProtocolError('public_key_malformed', `expected ${what} in ${length} octets, got ${octets.length}`)
}

/** A key identifier: the first 160 bits of SHA-256 over the key bits (RFC 7093, 2, method 1). */
export const keyIdentifier = (keyBits: Uint8Array, crypto: Crypto): Uint8Array => crypto.sha256(keyBits).slice(0, 20)
