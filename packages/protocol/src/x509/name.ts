import type { DerReader } from '../der/reader.ts'
import { isStringTag } from '../der/strings.ts'
import { TAG } from '../der/tags.ts'
import { readValue } from '../der/value.ts'
import { oid, sequence, setOf, string } from '../der/writer.ts'
import { ProtocolError } from '../errors.ts'
import { NAME_ATTRIBUTES } from '../oids.ts'

export interface NameAttribute {
  readonly oid: string
  /** The text, or null when the value is not of a string type. */
  readonly text: string | null
}

/** A distinguished name. */
export interface Name {
  /** The exact encoding, to be copied into what this name issues. Chains compare names by `name-comparison.ts`. */
  readonly der: Uint8Array
  readonly isEmpty: boolean
  /** In the order of the encoding, those of a multi-valued RDN one behind the other. */
  readonly attributes: readonly NameAttribute[]
}

/** The encoding of the name without attributes. */
export const EMPTY_NAME: Uint8Array = Uint8Array.of(TAG.sequence, 0)

/** Reads a Name (RFC 5280, 4.1.2.4). Throws `der_*`, `name_malformed`. */
export function readName(reader: DerReader): Name {
  const { bytes, value } = reader.recorded(names => names.each(TAG.sequence, readRdn))
  return { der: bytes, isEmpty: value.length === 0, attributes: value.flat() }
}

function readRdn(reader: DerReader): NameAttribute[] {
  const attributes = reader.eachInSet(readAttribute)
  if (attributes.length === 0) throw new ProtocolError('name_malformed', 'expected at least one attribute in each RDN')
  return attributes
}

function readAttribute(reader: DerReader): NameAttribute {
  return reader.inside(TAG.sequence, inner => {
    const type = inner.oid()
    const value = readValue(inner)
    return { oid: type, text: isStringTag(value.tag) && 'value' in value ? (value.value as string) : null }
  })
}

/** The encoding of a name, one attribute in each RDN: `encodeName([['O', 'Example'], ['CN', 'Example Root']])`. */
export function encodeName(attributes: readonly (readonly [keyof typeof NAME_ATTRIBUTES, string])[]): Uint8Array {
  return sequence(
    ...attributes.map(([name, text]) => setOf(sequence(oid(NAME_ATTRIBUTES[name]), string(stringTag(name), text)))),
  )
}

// RFC 5280, appendix A.1: these have types of their own, all others take UTF8String.
function stringTag(name: keyof typeof NAME_ATTRIBUTES): number {
  if (name === 'C' || name === 'SERIALNUMBER') return TAG.printableString
  return name === 'DC' ? TAG.ia5String : TAG.utf8String
}

const SHORT_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(NAME_ATTRIBUTES).map(([name, dotted]) => [dotted, name]),
)

/** A name for people, in the order of the encoding, such as `O=Example, CN=Example Root`. Never to be compared or parsed. */
export function formatName({ attributes }: Name): string {
  return attributes.map(({ oid: type, text }) => `${SHORT_NAMES.get(type) ?? type}=${printable(text)}`).join(', ')
}

// Names come from strangers, and this goes to terminals: no control characters, nothing that turns the writing direction.
function printable(text: string | null): string {
  return text === null ? '(binary)' : text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').replace(/[,+\\]/g, '\\$&')
}
