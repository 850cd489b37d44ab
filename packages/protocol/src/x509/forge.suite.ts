import { type KeyObject, sign } from 'node:crypto'
import { TAG } from '../der/tags.ts'
import { type DerValue, encodeValue, parseValue } from '../der/value.ts'
import { nullValue, oid, sequence, unsigned, wholeBits } from '../der/writer.ts'
import { TestIdentity } from '../node/test-ca.ts'
import { KEY_OIDS } from '../oids.ts'
import { Certificate } from './certificate.ts'

/** Fields of TBSCertificate of version 3 in their order (RFC 5280, 4.1). */
export interface TbsFields {
  version?: DerValue
  serial: DerValue
  algorithm: DerValue
  issuer: DerValue
  validity: DerValue
  subject: DerValue
  spki: DerValue
  extensions?: DerValue
}

export type Edit = (fields: TbsFields) => void

/** The certificate changed by `edit` and signed again with `signer`, for what no builder would make. */
export function forge(
  { certificate, key }: TestIdentity,
  signer: KeyObject,
  edit: Edit,
  hash: string | null = 'sha256',
): TestIdentity {
  const [version, serial, algorithm, issuer, validity, subject, spki, extensions] = itemsOf(parseValue(certificate.tbs))
  const fields = { version, serial, algorithm, issuer, validity, subject, spki, extensions } as TbsFields
  edit(fields)
  const tbs = encodeValue({ tag: TAG.sequence, items: Object.values(fields) })
  const signature = sign(hash, tbs, signer)
  const der = sequence(tbs, encodeValue(fields.algorithm), wholeBits(signature))
  return new TestIdentity(Certificate.fromDer(der), key)
}

export const algorithmOf = (type: string): DerValue => parseValue(sequence(oid(type)))

export function itemsOf(value: DerValue): readonly DerValue[] {
  if ('items' in value) return value.items
  throw new TypeError('expected a constructed value')
}

/** A public key that nobody owns: its modulus has the bits and is odd, and no more is true of it. */
export function rsaSpki(bits: number, exponent = 65_537n): Uint8Array {
  const modulus = bigOctets((1n << BigInt(bits - 1)) + 1n)
  const key = sequence(unsigned(modulus), unsigned(bigOctets(exponent)))
  return sequence(sequence(oid(KEY_OIDS.rsaEncryption), nullValue()), wholeBits(key))
}

function bigOctets(value: bigint): Uint8Array {
  const hex = value.toString(16)
  return Uint8Array.from(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}
