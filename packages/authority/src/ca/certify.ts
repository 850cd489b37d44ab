import {
  assembleCertificate,
  authorityKeyId,
  Certificate,
  type Crypto,
  encodeTbs,
  equalBytes,
  fromHex,
  keyIdentifier,
  parsePublicKey,
  type Signer,
  subjectKeyId,
  toHex,
} from '@lanyard/protocol'
import { newSerial } from '../issue/issuing.ts'
import type { Dice } from '../ports.ts'

/** What making certificates needs. */
export interface CaPorts {
  readonly crypto: Crypto
  readonly dice: Dice
}

/** A certificate of ours that signs others, with its key. */
export interface Issuer {
  readonly certificate: Certificate
  readonly signer: Signer
}

/** All of a certificate that its profile decides. Serial, issuer and key identifiers come with the signature. */
export interface Draft {
  /** DER of the Name. */
  readonly subject: Uint8Array
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /** Unix seconds; both count. */
  readonly notBefore: number
  readonly notAfter: number
  /** Encoded. */
  readonly extensions: readonly Uint8Array[]
}

/** Hex of the identifier of a public key (RFC 7093, 2, method 1). */
export function keyIdOf(spki: Uint8Array, crypto: Crypto): string {
  return toHex(keyIdentifier(parsePublicKey(spki).keyBits, crypto))
}

/** Signs a draft under an issuer and gives back what was signed, read anew. */
export async function certify(draft: Draft, issuer: Issuer, ports: CaPorts): Promise<Certificate> {
  const { subject, subjectKeyId: issuerKeyId, publicKey } = issuer.certificate
  if (issuerKeyId === undefined || !equalBytes(publicKey.der, issuer.signer.spki))
    throw new Error('the key of an issuer is not the one in its certificate')
  return await sign(draft, subject.der, [authorityKeyId(issuerKeyId)], issuer.signer, ports)
}

/** Signs a draft with the key that it certifies. RFC 5280, 4.2.1.1: it needs no authority key identifier. */
export async function selfSign(draft: Draft, signer: Signer, ports: CaPorts): Promise<Certificate> {
  return await sign({ ...draft, spki: signer.spki }, draft.subject, [], signer, ports)
}

async function sign(
  draft: Draft,
  issuer: Uint8Array,
  extensions: readonly Uint8Array[],
  signer: Signer,
  { crypto, dice }: CaPorts,
): Promise<Certificate> {
  const ownKeyId = subjectKeyId(fromHex(keyIdOf(draft.spki, crypto)))
  const input = {
    ...draft,
    issuer,
    serial: fromHex(newSerial(dice)),
    extensions: [...draft.extensions, ownKeyId, ...extensions],
  }
  const tbs = encodeTbs(input, signer.algorithm)
  return Certificate.fromDer(assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs, 'der')))
}
