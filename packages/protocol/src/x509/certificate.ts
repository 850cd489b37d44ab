import type { SignatureAlgorithm } from '../algorithms.ts'
import { equalBytes, toHex } from '../bytes.ts'
import { type DerReader, readCopy } from '../der/reader.ts'
import { contextConstructed, contextPrimitive, TAG } from '../der/tags.ts'
import { timeTag } from '../der/time.ts'
import { ProtocolError } from '../errors.ts'
import { type Extension, type KnownExtensions, readExtensions, readKnownExtensions } from './extensions.ts'
import { type Name, readName } from './name.ts'
import { type PublicKeyInfo, readPublicKey } from './public-key.ts'
import { readSignatureAlgorithm, type SignatureIdentifier } from './signature-algorithm.ts'

/**
 * A rule of RFC 5280 that well-known roots break, so that a certificate which breaks it is read, but has no place in a
 * chain except as its root.
 */
export type Irregularity = 'serial_number_forbidden' | 'der_time_invalid' | 'der_bit_string_invalid'

/** An X.509 certificate, read once and strictly: every field means what the bytes say, and nothing is read otherwise. */
export class Certificate {
  readonly der: Uint8Array
  /** The signed part. */
  readonly tbs: Uint8Array
  readonly version: 1 | 2 | 3
  /** Content octets of serialNumber: 1 to 20, positive, or a single zero (see {@link irregularities}). */
  readonly serial: Uint8Array
  /** Lower-case hex of the number, two digits for each octet, without a sign octet. */
  readonly serialHex: string
  readonly issuer: Name
  readonly subject: Name
  /** Unix seconds; the certificate is valid from `notBefore` through `notAfter`, both included. */
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: PublicKeyInfo
  /** Null when it is none that is verified here; {@link signatureOid} tells which. */
  readonly signatureAlgorithm: SignatureAlgorithm | null
  readonly signatureOid: string
  readonly signature: Uint8Array
  readonly extensions: readonly Extension[]
  readonly basicConstraints: KnownExtensions['basicConstraints']
  readonly keyUsage: KnownExtensions['keyUsage']
  readonly extendedKeyUsage: KnownExtensions['extendedKeyUsage']
  readonly subjectAltName: KnownExtensions['subjectAltName']
  readonly subjectKeyId: KnownExtensions['subjectKeyId']
  readonly authorityKeyId: KnownExtensions['authorityKeyId']
  readonly nameConstraints: KnownExtensions['nameConstraints']
  readonly crlDistributionPoints: KnownExtensions['crlDistributionPoints']
  readonly authorityInfoAccess: KnownExtensions['authorityInfoAccess']
  readonly lanyard: KnownExtensions['lanyard']
  /**
   * The broken rules that are held against all but roots: a serial number of zero, a date before 2050 that is no UTCTime,
   * zero bits at the end of keyUsage.
   */
  readonly irregularities: readonly Irregularity[]

  private constructor(der: Uint8Array, { tbs, fields, signature }: Parts) {
    const known = readKnownExtensions(fields.extensions)
    this.der = der
    this.tbs = tbs
    this.version = fields.version
    this.serial = fields.serial
    this.serialHex = serialHex(fields.serial)
    this.issuer = fields.issuer
    this.subject = fields.subject
    this.notBefore = fields.notBefore
    this.notAfter = fields.notAfter
    this.publicKey = fields.publicKey
    this.signatureAlgorithm = fields.signedWith.algorithm
    this.signatureOid = fields.signedWith.oid
    this.signature = signature
    this.extensions = fields.extensions
    this.basicConstraints = known.basicConstraints
    this.keyUsage = known.keyUsage
    this.extendedKeyUsage = known.extendedKeyUsage
    this.subjectAltName = known.subjectAltName
    this.subjectKeyId = known.subjectKeyId
    this.authorityKeyId = known.authorityKeyId
    this.nameConstraints = known.nameConstraints
    this.crlDistributionPoints = known.crlDistributionPoints
    this.authorityInfoAccess = known.authorityInfoAccess
    this.lanyard = known.lanyard
    this.irregularities = known.keyUsagePadded
      ? [...fields.irregularities, 'der_bit_string_invalid']
      : fields.irregularities
    Object.freeze(this)
  }

  /**
   * Reads a certificate of at most 64 KiB and keeps a copy of the bytes. Proves nothing about its signature.
   *
   * Strict DER, default values left out, extensions in version 3 only and none twice, the same signature algorithm inside
   * and outside, a serial number of at most 20 octets that is not negative. Unknown extensions stay raw, and algorithms
   * that are not verified here are read all the same (RFC 5280, 4.1).
   *
   * @throws ProtocolError `der_*`, `certificate_malformed`, `serial_number_forbidden`, `signature_algorithm_mismatch`,
   *   `name_malformed`, `general_name_malformed`, `public_key_*`, `extension_malformed`, `extension_duplicate`
   */
  static fromDer(der: Uint8Array): Certificate {
    const { bytes, value } = readCopy(der, reader => reader.recorded(readCertificate))
    return new Certificate(bytes, value)
  }

  /** Whether both are the same bytes. */
  equals(other: Certificate): boolean {
    return equalBytes(this.der, other.der)
  }
}

interface Parts {
  readonly tbs: Uint8Array
  readonly fields: Fields
  readonly signature: Uint8Array
}

interface Fields {
  readonly version: 1 | 2 | 3
  readonly serial: Uint8Array
  readonly signedWith: SignatureIdentifier
  readonly issuer: Name
  readonly notBefore: number
  readonly notAfter: number
  readonly subject: Name
  readonly publicKey: PublicKeyInfo
  readonly extensions: readonly Extension[]
  readonly irregularities: readonly Irregularity[]
}

function readCertificate(reader: DerReader): Parts {
  return reader.inside(TAG.sequence, inner => {
    const { bytes: tbs, value: fields } = inner.recorded(it => it.inside(TAG.sequence, readTbs))
    const outer = readSignatureAlgorithm(inner)
    // RFC 5280, 4.1.1.2: the one outside is not signed, so it could be swapped for a weaker one.
    if (!equalBytes(outer.der, fields.signedWith.der))
      throw new ProtocolError('signature_algorithm_mismatch', `expected ${fields.signedWith.oid}, got ${outer.oid}`)
    return { tbs, fields, signature: inner.wholeBits() }
  })
}

function readTbs(reader: DerReader): Fields {
  const version = readVersion(reader)
  const serial = readSerial(reader)
  const signedWith = readSignatureAlgorithm(reader)
  const issuer = readName(reader)
  const validity = reader.inside(TAG.sequence, readValidity)
  const subject = readName(reader)
  const publicKey = readPublicKey(reader)
  skipUniqueId(reader, contextPrimitive(1), version)
  skipUniqueId(reader, contextPrimitive(2), version)
  const extensions = readVersion3Extensions(reader, version)
  const irregularities: Irregularity[] = []
  if (serial.length === 1 && serial[0] === 0) irregularities.push('serial_number_forbidden')
  if (!validity.regular) irregularities.push('der_time_invalid')
  const { notBefore, notAfter } = validity
  return { version, serial, signedWith, issuer, notBefore, notAfter, subject, publicKey, extensions, irregularities }
}

function readVersion(reader: DerReader): 1 | 2 | 3 {
  if (reader.nextTag !== contextConstructed(0)) return 1
  const version = reader.inside(contextConstructed(0), inner => inner.number(2))
  // DEFAULT v1 (X.690, 11.5)
  if (version === 0) throw new ProtocolError('der_default_encoded', 'expected version 1 to be left out')
  return version === 1 ? 2 : 3
}

// RFC 5280, 4.1.2.2. Zero is read, since well-known roots have it.
function readSerial(reader: DerReader): Uint8Array {
  const serial = reader.integerOctets()
  if (serial[0]! & 0x80)
    throw new ProtocolError('serial_number_forbidden', 'expected a positive number, got a negative')
  if (serial.length > 20)
    throw new ProtocolError('serial_number_forbidden', `expected at most 20 octets, got ${serial.length}`)
  return serial
}

const serialHex = (serial: Uint8Array) => toHex(serial.length > 1 && serial[0] === 0 ? serial.subarray(1) : serial)

function readValidity(reader: DerReader): { notBefore: number; notAfter: number; regular: boolean } {
  const tags = [reader.nextTag]
  const notBefore = reader.time()
  tags.push(reader.nextTag)
  const notAfter = reader.time()
  return { notBefore, notAfter, regular: tags[0] === timeTag(notBefore) && tags[1] === timeTag(notAfter) }
}

// RFC 5280, 4.1.2.8: nobody uses them, but version 2 and 3 may have them.
function skipUniqueId(reader: DerReader, tag: number, version: number): void {
  if (reader.nextTag !== tag) return
  if (version === 1) throw new ProtocolError('certificate_malformed', 'expected no unique identifier in version 1')
  reader.bitString(tag)
}

// RFC 5280, 4.1.2.9
function readVersion3Extensions(reader: DerReader, version: number): Extension[] {
  if (reader.nextTag !== contextConstructed(3)) return []
  if (version !== 3) throw new ProtocolError('certificate_malformed', `expected no extensions in version ${version}`)
  return reader.inside(contextConstructed(3), readExtensions)
}
