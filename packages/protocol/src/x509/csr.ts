import type { SignatureAlgorithm } from '../algorithms.ts'
import { type DerReader, readCopy } from '../der/reader.ts'
import { contextConstructed, TAG } from '../der/tags.ts'
import { readValue } from '../der/value.ts'
import { element, integer, sequence } from '../der/writer.ts'
import { ProtocolError } from '../errors.ts'
import type { Crypto, Signer } from '../ports.ts'
import { signAndAssemble } from './build.ts'
import { requireKeyLimits } from './key-limits.ts'
import { EMPTY_NAME, readName } from './name.ts'
import { type PublicKeyInfo, readPublicKey } from './public-key.ts'
import { readSignatureAlgorithm } from './signature-algorithm.ts'

/** A request with an RSA key of 4096 bits has about 1.2 KB, with names and extensions two. */
export const MAX_CSR_BYTES = 8192

/**
 * A PKCS#10 request whose signature nobody has verified. Subject, names and extensions that it asks for are read, so that
 * the bytes have one meaning, and thrown away: identity comes from policy, never from here.
 */
export interface UnverifiedCsr {
  /** What the signature covers. */
  readonly info: Uint8Array
  readonly publicKey: PublicKeyInfo
  /** Null when it is none that is verified here. */
  readonly signatureAlgorithm: SignatureAlgorithm | null
  readonly signatureOid: string
  readonly signature: Uint8Array
}

/** Reads a request (RFC 2986, 4) of at most {@link MAX_CSR_BYTES}. Throws `csr_invalid`, the reason as its cause. */
export function parseCsr(der: Uint8Array): UnverifiedCsr {
  try {
    return readCopy(der, readCsr, MAX_CSR_BYTES)
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ProtocolError('csr_invalid', `${cause.code}: ${cause.message}`, { cause })
  }
}

/**
 * The public key of a request that this very key has signed. Type, size and exponent are judged before anything is
 * computed with the key.
 *
 * @throws ProtocolError `csr_invalid`, `key_type_forbidden`, `key_too_small`, `key_too_large`,
 *   `key_exponent_forbidden`, `signature_algorithm_forbidden`, `csr_signature_invalid`
 */
export function verifyCsr(csr: Uint8Array | UnverifiedCsr, crypto: Crypto): PublicKeyInfo {
  const { info, publicKey, signatureAlgorithm, signatureOid, signature } =
    csr instanceof Uint8Array ? parseCsr(csr) : csr
  const { type, der } = requireKeyLimits(publicKey)
  if (signatureAlgorithm === null || type === null || !signatureAlgorithm.keys.includes(type))
    throw new ProtocolError(
      'signature_algorithm_forbidden',
      `a key of type ${type} cannot prove itself by ${signatureOid}`,
    )
  if (!crypto.verify(signatureAlgorithm, der, info, signature, 'der'))
    throw new ProtocolError('csr_signature_invalid', 'expected the signature of the key in the request')
  return publicKey
}

/** A request for the key of `signer`, without names: at once when it answers at once, otherwise a promise. */
export const buildCsr = (signer: Signer): Uint8Array | Promise<Uint8Array> =>
  signAndAssemble(sequence(VERSION_1, EMPTY_NAME, signer.spki, NO_ATTRIBUTES), signer)

const VERSION_1 = integer(0)
const ATTRIBUTES = contextConstructed(0)
const NO_ATTRIBUTES = element(ATTRIBUTES)

function readCsr(reader: DerReader): UnverifiedCsr {
  return reader.inside(TAG.sequence, inner => {
    const { bytes: info, value: publicKey } = inner.recorded(it => it.inside(TAG.sequence, readInfo))
    const { algorithm, oid } = readSignatureAlgorithm(inner)
    return { info, publicKey, signatureAlgorithm: algorithm, signatureOid: oid, signature: inner.wholeBits() }
  })
}

function readInfo(reader: DerReader): PublicKeyInfo {
  reader.number(0)
  readName(reader)
  const publicKey = readPublicKey(reader)
  reader.eachInSet(readAttribute, ATTRIBUTES)
  return publicKey
}

function readAttribute(reader: DerReader): void {
  reader.inside(TAG.sequence, inner => {
    inner.oid()
    inner.eachInSet(readValue)
  })
}
