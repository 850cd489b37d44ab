import { decodeUtf8, encodeUtf8 } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { TAG } from './tags.ts'

/** How the octets of a string type become text and back. */
interface StringType {
  readonly name: string
  decode(content: Uint8Array): string
  encode(text: string): Uint8Array
}

const ASCII = ranges([0x00, 0x7f])

/** The string types of DirectoryString and GeneralName (X.680, 41), by tag. */
const STRING_TYPES: Readonly<Record<number, StringType>> = {
  [TAG.utf8String]: { name: 'UTF8String', decode: decodeUtf8, encode: encodeUtf8 },
  [TAG.numericString]: oneOctet('NumericString', ranges([0x20], [0x30, 0x39])),
  // X.680, 41.4, table 10
  [TAG.printableString]: oneOctet(
    'PrintableString',
    ranges([0x20], [0x27, 0x29], [0x2b, 0x3a], [0x3d], [0x3f], [0x41, 0x5a], [0x61, 0x7a]),
  ),
  // T.61 shifts between alphabets that nobody implements; old authorities meant Latin-1, and so do all readers.
  [TAG.teletexString]: oneOctet('TeletexString', ranges([0x20, 0x7e], [0xa0, 0xff])),
  [TAG.ia5String]: oneOctet('IA5String', ASCII),
  [TAG.visibleString]: oneOctet('VisibleString', ranges([0x20, 0x7e])),
  [TAG.universalString]: { name: 'UniversalString', decode: decodeUniversal, encode: encodeUniversal },
  [TAG.bmpString]: { name: 'BMPString', decode: decodeBmp, encode: encodeBmp },
}

/** Whether a tag is that of a string type. */
export const isStringTag = (tag: number): boolean => STRING_TYPES[tag] !== undefined

/** The text of a string's content octets. Throws `der_string_invalid` for what its type does not allow. */
export function decodeString(tag: number, content: Uint8Array): string {
  const type = STRING_TYPES[tag]
  if (type === undefined) throw new ProtocolError('der_tag_unexpected', 'expected a string type')
  return translate(type, () => type.decode(content))
}

/** The content octets of a text. Throws `der_string_invalid` for what the type does not allow. */
export function encodeString(tag: number, text: string): Uint8Array {
  const type = STRING_TYPES[tag]
  if (type === undefined) throw new ProtocolError('der_tag_unexpected', 'expected a string type')
  return translate(type, () => type.encode(text))
}

function translate<T>(type: StringType, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ProtocolError('der_string_invalid', `expected a ${type.name}: ${cause.message}`, { cause })
  }
}

/** The text of an IA5String under an implicit tag, as in GeneralName. */
export const decodeIa5 = (content: Uint8Array): string => decodeString(TAG.ia5String, content)

/** The octets of an IA5String under an implicit tag. */
export const encodeIa5 = (text: string): Uint8Array => encodeString(TAG.ia5String, text)

function ranges(...pairs: readonly (readonly [number, number?])[]): Uint8Array {
  const allowed = new Uint8Array(256)
  for (const [from, to = from] of pairs) allowed.fill(1, from, to + 1)
  return allowed
}

function oneOctet(name: string, allowed: Uint8Array): StringType {
  const refuse = (at: number): never => {
    throw new ProtocolError('der_string_invalid', `character ${at} is not in the set`)
  }
  return {
    name,
    decode(content) {
      let text = ''
      for (let i = 0; i < content.length; i++) {
        const octet = content[i]!
        text += allowed[octet] === 1 ? String.fromCharCode(octet) : refuse(i)
      }
      return text
    },
    encode(text) {
      const content = new Uint8Array(text.length)
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i)
        content[i] = unit < 0x100 && allowed[unit] === 1 ? unit : refuse(i)
      }
      return content
    },
  }
}

function decodeBmp(content: Uint8Array): string {
  if (content.length % 2 !== 0) throw new ProtocolError('der_string_invalid', 'expected two octets for each character')
  let text = ''
  for (let i = 0; i < content.length; i += 2)
    text += String.fromCharCode(basicPlane((content[i]! << 8) | content[i + 1]!))
  return text
}

function encodeBmp(text: string): Uint8Array {
  const content = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) {
    const unit = basicPlane(text.charCodeAt(i))
    content[2 * i] = unit >> 8
    content[2 * i + 1] = unit & 0xff
  }
  return content
}

// A BMPString has no surrogates: as UTF-16 it would hold characters beyond the basic plane.
function basicPlane(unit: number): number {
  if (unit < 0xd800 || unit > 0xdfff) return unit
  throw new ProtocolError('der_string_invalid', 'expected no surrogates')
}

function decodeUniversal(content: Uint8Array): string {
  if (content.length % 4 !== 0) throw new ProtocolError('der_string_invalid', 'expected four octets for each character')
  let text = ''
  for (let i = 0; i < content.length; i += 4) {
    const point = content[i]! * 0x1000000 + ((content[i + 1]! << 16) | (content[i + 2]! << 8) | content[i + 3]!)
    if (point > 0x10ffff) throw new ProtocolError('der_string_invalid', 'expected characters up to U+10FFFF')
    text += String.fromCodePoint(basicPlane(point))
  }
  return text
}

function encodeUniversal(text: string): Uint8Array {
  return Uint8Array.from(
    Array.from(text, character => basicPlane(character.codePointAt(0)!)).flatMap(point => [
      0,
      point >> 16,
      (point >> 8) & 0xff,
      point & 0xff,
    ]),
  )
}
