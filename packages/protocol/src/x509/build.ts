import type { SignatureAlgorithm } from '../algorithms.ts'
import { contextConstructed } from '../der/tags.ts'
import { element, integer, sequence, time, unsigned, wholeBits } from '../der/writer.ts'
import { ProtocolError } from '../errors.ts'
import type { Signer } from '../ports.ts'
import { encodeSignatureAlgorithm } from './signature-algorithm.ts'

/** What a certificate says. Encoded parts are taken as they are. */
export interface CertificateInput {
  /** The number, big-endian: 1 to 20 octets once encoded, not zero. */
  readonly serial: Uint8Array
  /** Encoded Name: of the issuer's certificate, its `subject.der`. */
  readonly issuer: Uint8Array
  /** Encoded Name. */
  readonly subject: Uint8Array
  /** Whole Unix seconds; both ends are part of the validity. */
  readonly notBefore: number
  readonly notAfter: number
  /** SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /** Each as one of the encoders beside this file gives it. */
  readonly extensions: readonly Uint8Array[]
}

const VERSION_3 = element(contextConstructed(0), integer(2))

/**
 * The part of a certificate that is signed (RFC 5280, 4.1), version 3.
 *
 * @throws ProtocolError `serial_number_forbidden`, `der_time_invalid`
 */
export function encodeTbs(input: CertificateInput, algorithm: SignatureAlgorithm): Uint8Array {
  return sequence(
    VERSION_3,
    encodeSerial(input.serial),
    encodeSignatureAlgorithm(algorithm),
    input.issuer,
    sequence(time(input.notBefore), time(input.notAfter)),
    input.subject,
    input.spki,
    ...(input.extensions.length > 0 ? [element(contextConstructed(3), sequence(...input.extensions))] : []),
  )
}

// RFC 5280, 4.1.2.2: positive, at most 20 octets with the one that makes it positive.
function encodeSerial(serial: Uint8Array): Uint8Array {
  const encoded = unsigned(serial)
  if (serial.every(octet => octet === 0) || encoded.length > 22)
    throw new ProtocolError('serial_number_forbidden', `expected 1 to 20 octets, not all zero, got ${serial.length}`)
  return encoded
}

/** A certificate or a request: what was signed, how, and the signature. */
export const assembleCertificate = (
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array => sequence(tbs, encodeSignatureAlgorithm(algorithm), wholeBits(signature))

/** A certificate signed by `signer`: at once when it answers at once, otherwise a promise. Throws as {@link encodeTbs}. */
export function signCertificate(input: CertificateInput, signer: Signer): Uint8Array | Promise<Uint8Array> {
  return signAndAssemble(encodeTbs(input, signer.algorithm), signer)
}

/** SIGNED{} of X.509: `tbs` with the signature of `signer` behind it. */
export function signAndAssemble(tbs: Uint8Array, signer: Signer): Uint8Array | Promise<Uint8Array> {
  const signature = signer.sign(tbs, 'der')
  const finish = (bytes: Uint8Array) => assembleCertificate(tbs, signer.algorithm, bytes)
  return signature instanceof Uint8Array ? finish(signature) : signature.then(finish)
}
