import { type DerReader, readDer } from '../der/reader.ts'
import { contextConstructed, contextPrimitive, TAG } from '../der/tags.ts'
import { ProtocolError } from '../errors.ts'
import { ACCESS_METHODS, EXTENSIONS } from '../oids.ts'
import {
  emptyGeneralNames,
  type GeneralNames,
  type GeneralNamesDraft,
  readGeneralName,
  readGeneralNames,
} from './general-names.ts'

/** An extension as it stands in the certificate (RFC 5280, 4.2). */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  /** Content of extnValue. */
  readonly value: Uint8Array
}

/** What extensions say, for those that are read here. All others stay raw. */
export interface KnownExtensions {
  readonly basicConstraints?: { readonly critical: boolean; readonly ca: boolean; readonly pathLen?: number }
  readonly keyUsage?: ReadonlySet<KeyUsage>
  /** Whether keyUsage ends with zero bits, which DER leaves out (X.690, 11.2.2). */
  readonly keyUsagePadded?: true
  /** OIDs; at least one. */
  readonly extendedKeyUsage?: readonly string[]
  readonly subjectAltName?: GeneralNames & { readonly critical: boolean }
  readonly subjectKeyId?: Uint8Array
  /** The keyIdentifier; absent also when the extension names issuer and serial only. */
  readonly authorityKeyId?: Uint8Array
  readonly nameConstraints?: {
    readonly critical: boolean
    readonly permitted: GeneralNames
    readonly excluded: GeneralNames
  }
  /** URIs of all distribution points. */
  readonly crlDistributionPoints?: readonly string[]
  readonly authorityInfoAccess?: { readonly ocsp: readonly string[]; readonly caIssuers: readonly string[] }
  readonly lanyard?: LanyardIdentity
}

/** Which life of an agent a certificate belongs to, and which chain of renewals. */
export interface LanyardIdentity {
  readonly incarnation: number
  /** 16 octets. */
  readonly lineage: Uint8Array
}

/** In the order of their bits (RFC 5280, 4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

export type KeyUsage = (typeof KEY_USAGES)[number]

/** Reads Extensions: at least one, none twice. Throws `der_*`, `extension_malformed`, `extension_duplicate`. */
export function readExtensions(reader: DerReader): Extension[] {
  const extensions = reader.each(TAG.sequence, readExtension)
  if (extensions.length === 0) throw new ProtocolError('extension_malformed', 'expected at least one extension')
  const seen = new Set<string>()
  for (const { oid } of extensions) {
    // RFC 5280, 4.2: readers would differ in which of the two counts.
    if (seen.has(oid)) throw new ProtocolError('extension_duplicate', `expected ${oid} once`)
    seen.add(oid)
  }
  return extensions
}

function readExtension(reader: DerReader): Extension {
  return reader.inside(TAG.sequence, inner => {
    const oid = inner.oid()
    const critical = readFlag(inner)
    return { oid, critical, value: inner.octetString() }
  })
}

/** BOOLEAN DEFAULT FALSE: true or absent (X.690, 11.5). */
function readFlag(reader: DerReader): boolean {
  const flag = reader.optional(TAG.boolean, inner => inner.boolean())
  if (flag === false) throw new ProtocolError('der_default_encoded', 'expected FALSE to be left out')
  return flag ?? false
}

type Reader = (reader: DerReader, critical: boolean) => KnownExtensions

const READERS: Readonly<Record<string, Reader>> = {
  [EXTENSIONS.basicConstraints]: (reader, critical) => ({ basicConstraints: readBasicConstraints(reader, critical) }),
  [EXTENSIONS.keyUsage]: readKeyUsage,
  [EXTENSIONS.extendedKeyUsage]: reader => ({ extendedKeyUsage: readExtendedKeyUsage(reader) }),
  [EXTENSIONS.subjectAltName]: (reader, critical) => ({ subjectAltName: { ...readGeneralNames(reader), critical } }),
  [EXTENSIONS.subjectKeyIdentifier]: reader => ({ subjectKeyId: reader.octetString() }),
  [EXTENSIONS.authorityKeyIdentifier]: readAuthorityKeyId,
  [EXTENSIONS.nameConstraints]: (reader, critical) => ({ nameConstraints: readNameConstraints(reader, critical) }),
  [EXTENSIONS.crlDistributionPoints]: reader => ({ crlDistributionPoints: readDistributionPoints(reader) }),
  [EXTENSIONS.authorityInfoAccess]: reader => ({ authorityInfoAccess: readAccess(reader) }),
  [EXTENSIONS.lanyardIdentity]: reader => ({ lanyard: readLanyardIdentity(reader) }),
}

/** What the extensions say. Throws `der_*`, `extension_malformed`, `general_name_malformed`. */
export function readKnownExtensions(extensions: readonly Extension[]): KnownExtensions {
  const known: KnownExtensions = {}
  for (const { oid, critical, value } of extensions) {
    const read = READERS[oid]
    if (read)
      Object.assign(
        known,
        readDer(value, reader => read(reader, critical)),
      )
  }
  return known
}

// RFC 5280, 4.2.1.9
function readBasicConstraints(reader: DerReader, critical: boolean): NonNullable<KnownExtensions['basicConstraints']> {
  return reader.inside(TAG.sequence, inner => {
    const ca = readFlag(inner)
    const pathLen = inner.optional(TAG.integer, it => it.number(0xffff))
    return pathLen === undefined ? { critical, ca } : { critical, ca, pathLen }
  })
}

function readKeyUsage(reader: DerReader): KnownExtensions {
  const { unused, bytes } = reader.bitString()
  const count = bytes.length * 8 - unused
  if (count > 16) throw new ProtocolError('extension_malformed', `expected at most 16 bits of key usage, got ${count}`)
  for (let bit = KEY_USAGES.length; bit < count; bit++)
    if (isSet(bytes, bit)) throw new ProtocolError('extension_malformed', `expected no key usage of bit ${bit}`)
  const keyUsage = new Set(KEY_USAGES.filter((_, bit) => bit < count && isSet(bytes, bit)))
  return count > 0 && !isSet(bytes, count - 1) ? { keyUsage, keyUsagePadded: true } : { keyUsage }
}

const isSet = (bytes: Uint8Array, bit: number) => (bytes[bit >> 3]! & (0x80 >> (bit & 7))) !== 0

function readExtendedKeyUsage(reader: DerReader): string[] {
  return atLeastOne(
    'purpose',
    reader.each(TAG.sequence, inner => inner.oid()),
  )
}

function atLeastOne<T>(what: string, items: T[]): T[] {
  if (items.length > 0) return items
  throw new ProtocolError('extension_malformed', `expected at least one ${what}`)
}

// RFC 5280, 4.2.1.1
function readAuthorityKeyId(reader: DerReader): KnownExtensions {
  return reader.inside(TAG.sequence, inner => {
    const authorityKeyId = inner.optional(contextPrimitive(0), it => it.octetString(contextPrimitive(0)))
    const issuer = inner.optional(contextConstructed(1), it => readGeneralNames(it, contextConstructed(1)))
    const serial = inner.optional(contextPrimitive(2), it => it.integerOctets(contextPrimitive(2)))
    if ((issuer === undefined) !== (serial === undefined))
      throw new ProtocolError('extension_malformed', 'expected authorityCertIssuer and its serial number, or neither')
    return authorityKeyId === undefined ? {} : { authorityKeyId }
  })
}

// RFC 5280, 4.2.1.10
function readNameConstraints(reader: DerReader, critical: boolean): NonNullable<KnownExtensions['nameConstraints']> {
  return reader.inside(TAG.sequence, inner => {
    if (inner.done) throw new ProtocolError('extension_malformed', 'expected permitted or excluded subtrees')
    const permitted = readSubtrees(inner, contextConstructed(0))
    return { critical, permitted, excluded: readSubtrees(inner, contextConstructed(1)) }
  })
}

function readSubtrees(reader: DerReader, tag: number): GeneralNames {
  const names = emptyGeneralNames()
  if (reader.nextTag === tag)
    atLeastOne(
      'subtree',
      reader.each(tag, inner => readSubtree(inner, names)),
    )
  return names
}

function readSubtree(reader: DerReader, names: GeneralNamesDraft): void {
  reader.inside(TAG.sequence, inner => {
    readGeneralName(inner, names)
    // RFC 5280, 4.2.1.10: minimum is 0, hence left out, and maximum absent.
    if (!inner.done) throw new ProtocolError('extension_malformed', 'expected a subtree without minimum and maximum')
  })
}

// RFC 5280, 4.2.1.13: names relative to the issuer, reasons and other issuers of CRLs are passed over.
function readDistributionPoints(reader: DerReader): string[] {
  const points = reader.each(TAG.sequence, inner => inner.inside(TAG.sequence, readDistributionPoint))
  return atLeastOne('distribution point', points).flat()
}

function readDistributionPoint(reader: DerReader): readonly string[] {
  const uris = reader.optional(contextConstructed(0), it => it.inside(contextConstructed(0), readPointName)) ?? []
  reader.optional(contextPrimitive(1), it => it.bitString(contextPrimitive(1)))
  reader.optional(contextConstructed(2), it => readGeneralNames(it, contextConstructed(2)))
  return uris
}

function readPointName(reader: DerReader): readonly string[] {
  if (reader.nextTag === contextConstructed(0)) return readGeneralNames(reader, contextConstructed(0)).uri
  reader.content(contextConstructed(1))
  return []
}

// RFC 5280, 4.2.2.1
function readAccess(reader: DerReader): { ocsp: string[]; caIssuers: string[] } {
  const access: { ocsp: string[]; caIssuers: string[] } = { ocsp: [], caIssuers: [] }
  const count = reader.each(TAG.sequence, inner => inner.inside(TAG.sequence, it => readDescription(it, access)))
  atLeastOne('access description', count)
  return access
}

function readDescription(reader: DerReader, access: { ocsp: string[]; caIssuers: string[] }): void {
  const method = reader.oid()
  const names = emptyGeneralNames()
  readGeneralName(reader, names)
  if (method === ACCESS_METHODS.ocsp) access.ocsp.push(...names.uri)
  if (method === ACCESS_METHODS.caIssuers) access.caIssuers.push(...names.uri)
}

function readLanyardIdentity(reader: DerReader): LanyardIdentity {
  return reader.inside(TAG.sequence, inner => {
    const incarnation = inner.number(Number.MAX_SAFE_INTEGER)
    const lineage = inner.octetString()
    if (lineage.length !== 16)
      throw new ProtocolError('extension_malformed', `expected a lineage of 16 octets, got ${lineage.length}`)
    return { incarnation, lineage }
  })
}
