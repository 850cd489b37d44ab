import { contextConstructed, contextPrimitive } from '../der/tags.ts'
import { bitString, boolean, element, integer, octetString, oid, sequence } from '../der/writer.ts'
import { ProtocolError } from '../errors.ts'
import { ACCESS_METHODS, EXTENDED_KEY_USAGES, EXTENSIONS } from '../oids.ts'
import { KEY_USAGES, type KeyUsage, type LanyardIdentity } from './extensions.ts'
import { encodeGeneralNames, type GeneralNamesInput } from './general-names.ts'

const OIDS = new Map(Object.values(EXTENSIONS).map(dotted => [dotted, oid(dotted)]))
const CRITICAL = boolean(true)

function extension(
  type: (typeof EXTENSIONS)[keyof typeof EXTENSIONS],
  critical: boolean,
  value: Uint8Array,
): Uint8Array {
  const id = OIDS.get(type)!
  return critical ? sequence(id, CRITICAL, octetString(value)) : sequence(id, octetString(value))
}

/** Critical (RFC 5280, 4.2.1.9). */
export function basicConstraints({ ca, pathLen }: { readonly ca: boolean; readonly pathLen?: number }): Uint8Array {
  const parts = ca ? [boolean(true)] : []
  if (pathLen !== undefined) parts.push(integer(pathLen))
  return extension(EXTENSIONS.basicConstraints, true, sequence(...parts))
}

/** Critical (RFC 5280, 4.2.1.3). */
export function keyUsage(usages: readonly KeyUsage[]): Uint8Array {
  const bits = usages.map(usage => KEY_USAGES.indexOf(usage))
  const count = Math.max(-1, ...bits) + 1
  const bytes = new Uint8Array(Math.ceil(count / 8))
  for (const bit of bits) bytes[bit >> 3]! |= 0x80 >> (bit & 7)
  return extension(EXTENSIONS.keyUsage, true, bitString({ unused: bytes.length * 8 - count, bytes }))
}

/** Not critical. By name, or by OID. */
export function extendedKeyUsage(
  purposes: readonly (keyof typeof EXTENDED_KEY_USAGES | `${number}.${string}`)[],
): Uint8Array {
  const names: Readonly<Record<string, string>> = EXTENDED_KEY_USAGES
  return extension(
    EXTENSIONS.extendedKeyUsage,
    false,
    sequence(...purposes.map(purpose => oid(names[purpose] ?? purpose))),
  )
}

/** Critical when the subject is empty (RFC 5280, 4.2.1.6). */
export const subjectAltName = (names: GeneralNamesInput, critical: boolean): Uint8Array =>
  extension(EXTENSIONS.subjectAltName, critical, sequence(...encodeGeneralNames(names)))

/** Never critical; see `keyIdentifier` (RFC 5280, 4.2.1.2). */
export const subjectKeyId = (id: Uint8Array): Uint8Array =>
  extension(EXTENSIONS.subjectKeyIdentifier, false, octetString(id))

/** Never critical; the subject key identifier of the issuer (RFC 5280, 4.2.1.1). */
export const authorityKeyId = (id: Uint8Array): Uint8Array =>
  extension(EXTENSIONS.authorityKeyIdentifier, false, sequence(element(contextPrimitive(0), id)))

/** Critical (RFC 5280, 4.2.1.10). Addresses as 8 or 32 octets, address and mask. A form without subtrees is not limited. */
export function nameConstraints(constraints: {
  readonly permitted?: GeneralNamesInput
  readonly excluded?: GeneralNamesInput
}): Uint8Array {
  const { permitted = {}, excluded = {} } = constraints
  const parts = [subtrees(0, permitted), subtrees(1, excluded)].flat()
  if (parts.length === 0) throw new ProtocolError('extension_malformed', 'expected permitted or excluded subtrees')
  return extension(EXTENSIONS.nameConstraints, true, sequence(...parts))
}

function subtrees(number: number, names: GeneralNamesInput): Uint8Array[] {
  const bases = encodeGeneralNames(names).map(name => sequence(name))
  return bases.length === 0 ? [] : [element(contextConstructed(number), ...bases)]
}

/** Not critical; each URI is a distribution point with all reasons (RFC 5280, 4.2.1.13). */
export function crlDistributionPoints(uris: readonly string[]): Uint8Array {
  const points = uris.map(uri => {
    const fullName = element(contextConstructed(0), ...encodeGeneralNames({ uri: [uri] }))
    return sequence(element(contextConstructed(0), fullName))
  })
  return extension(EXTENSIONS.crlDistributionPoints, false, sequence(...points))
}

/** Never critical; URIs (RFC 5280, 4.2.2.1). */
export function authorityInfoAccess(access: {
  readonly ocsp?: readonly string[]
  readonly caIssuers?: readonly string[]
}): Uint8Array {
  const describe = (method: string, uris: readonly string[] = []) =>
    uris.map(uri => sequence(oid(method), ...encodeGeneralNames({ uri: [uri] })))
  const descriptions = [
    ...describe(ACCESS_METHODS.ocsp, access.ocsp),
    ...describe(ACCESS_METHODS.caIssuers, access.caIssuers),
  ]
  return extension(EXTENSIONS.authorityInfoAccess, false, sequence(...descriptions))
}

/** Ours, not critical, so that others pass over it: `SEQUENCE { incarnation INTEGER, lineage OCTET STRING (SIZE (16)) }`. */
export function lanyardIdentity({ incarnation, lineage }: LanyardIdentity): Uint8Array {
  if (!Number.isSafeInteger(incarnation) || incarnation < 0 || lineage.length !== 16)
    throw new ProtocolError('extension_malformed', 'expected an incarnation from 0 and a lineage of 16 octets')
  return extension(EXTENSIONS.lanyardIdentity, false, sequence(integer(incarnation), octetString(lineage)))
}
