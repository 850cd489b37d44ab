import { toHex } from '../bytes.ts'
import { type DerReader, readDer } from '../der/reader.ts'
import { isStringTag } from '../der/strings.ts'
import { TAG } from '../der/tags.ts'
import { readValue } from '../der/value.ts'
import type { Name } from './name.ts'

const comparable = new WeakMap<Name, readonly string[]>()

/**
 * A name in a form in which equal RDNs are equal strings, by RFC 5280, 7.1: text is compared without its encoding, without
 * case and without the number of blanks, everything else octet by octet. Looser than bytes on purpose: a constraint that
 * excludes `CN=Foo` must not be escaped by `CN=foo`, and a chain still holds by signatures and never by names.
 */
export function comparableName(name: Name): readonly string[] {
  const known = comparable.get(name)
  if (known) return known
  const rdns = readDer(name.der, reader => reader.each(TAG.sequence, comparableRdn))
  comparable.set(name, rdns)
  return rdns
}

/** Whether two names are the same by {@link comparableName}. */
export function sameName(a: Name, b: Name): boolean {
  return nameKey(a) === nameKey(b)
}

/** {@link comparableName} as one string, for maps. */
export function nameKey(name: Name): string {
  // JSON leaves no bare line break in an RDN.
  return comparableName(name).join('\n')
}

function comparableRdn(reader: DerReader): string {
  return JSON.stringify(reader.eachInSet(comparableAttribute).sort())
}

function comparableAttribute(reader: DerReader): string {
  return reader.inside(TAG.sequence, inner => {
    const type = inner.oid()
    const { bytes, value } = inner.recorded(readValue)
    const text = isStringTag(value.tag) && 'value' in value ? fold(value.value as string) : null
    return `${type}${text === null ? `#${toHex(bytes)}` : `=${text}`}`
  })
}

// RFC 4518 in essence: compatibility forms, case, and blanks that do not count.
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')
}
