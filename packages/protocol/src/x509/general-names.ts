import type { DerReader } from '../der/reader.ts'
import { contextConstructed, contextPrimitive, TAG } from '../der/tags.ts'
import { readValue } from '../der/value.ts'
import { element, ia5String } from '../der/writer.ts'
import { ProtocolError } from '../errors.ts'
import { type Name, readName } from './name.ts'

/** Names by their form, each in the order of the encoding (RFC 5280, 4.2.1.6). What they say is not judged here. */
export interface GeneralNames {
  readonly uri: readonly string[]
  readonly dns: readonly string[]
  /** Octets: 4 or 16 for an address, 8 or 32 for a subtree, but any number is read. */
  readonly ip: readonly Uint8Array[]
  readonly email: readonly string[]
  readonly directoryName: readonly Name[]
  /** otherName (0), x400Address (3), ediPartyName (5), registeredID (8): the number of the form and the whole encoding. */
  readonly other: readonly { readonly tag: number; readonly value: Uint8Array }[]
}

/** {@link GeneralNames} under construction. */
export interface GeneralNamesDraft {
  uri: string[]
  dns: string[]
  ip: Uint8Array[]
  email: string[]
  directoryName: Name[]
  other: { tag: number; value: Uint8Array }[]
}

export const emptyGeneralNames = (): GeneralNamesDraft => ({
  uri: [],
  dns: [],
  ip: [],
  email: [],
  directoryName: [],
  other: [],
})

const RFC822 = contextPrimitive(1)
const DNS = contextPrimitive(2)
const DIRECTORY = contextConstructed(4)
const URI = contextPrimitive(6)
const IP = contextPrimitive(7)
const OTHER_FORMS = [contextConstructed(0), contextConstructed(3), contextConstructed(5), contextPrimitive(8)]

/** Reads GeneralNames: at least one. Throws `der_*`, `general_name_malformed`. */
export function readGeneralNames(reader: DerReader, tag: number = TAG.sequence): GeneralNames {
  const names = emptyGeneralNames()
  const count = reader.each(tag, inner => readGeneralName(inner, names)).length
  if (count === 0) throw new ProtocolError('general_name_malformed', 'expected at least one name')
  return names
}

/** Reads one GeneralName and adds it to the names of its form. */
export function readGeneralName(reader: DerReader, names: GeneralNamesDraft): void {
  const tag = reader.nextTag
  switch (tag) {
    case RFC822:
      names.email.push(readText(reader, tag))
      return
    case DNS:
      names.dns.push(readText(reader, tag))
      return
    case URI:
      names.uri.push(readText(reader, tag))
      return
    case IP:
      names.ip.push(reader.octetString(tag))
      return
    case DIRECTORY:
      names.directoryName.push(reader.inside(tag, readName))
      return
    default:
      names.other.push(readOtherForm(reader, tag))
  }
}

// A NUL or another control character ends the name early for some readers (CVE-2009-2408): they see another name.
function readText(reader: DerReader, tag: number): string {
  const text = reader.ia5String(tag)
  if (/[\0-\x1f\x7f]/.test(text)) throw new ProtocolError('general_name_malformed', 'expected no control characters')
  return text
}

function readOtherForm(reader: DerReader, tag: number | null): { tag: number; value: Uint8Array } {
  if (tag === null || !OTHER_FORMS.includes(tag))
    throw new ProtocolError('general_name_malformed', 'expected a form from [0] to [8]')
  return { tag: tag & 0x1f, value: reader.recorded(readValue).bytes }
}

/** Names to write; forms that we never certify are missing. */
export interface GeneralNamesInput {
  readonly uri?: readonly string[]
  readonly dns?: readonly string[]
  readonly ip?: readonly Uint8Array[]
  readonly email?: readonly string[]
}

/** The encodings of all names, form by form. */
export function encodeGeneralNames({ uri = [], dns = [], ip = [], email = [] }: GeneralNamesInput): Uint8Array[] {
  return [
    ...email.map(name => ia5String(name, RFC822)),
    ...dns.map(name => ia5String(name, DNS)),
    ...uri.map(name => ia5String(name, URI)),
    ...ip.map(octets => element(IP, octets)),
  ]
}
