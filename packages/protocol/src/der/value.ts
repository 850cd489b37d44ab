import { ProtocolError } from '../errors.ts'
import { decodeOid, encodeOid } from './oid.ts'
import {
  type BitString,
  decodeBitString,
  decodeBoolean,
  decodeInteger,
  encodeBitString,
  encodeInteger,
} from './primitives.ts'
import { compareEncodings, type DerReader, readDer } from './reader.ts'
import { decodeString, encodeString, isStringTag } from './strings.ts'
import { showTag, TAG } from './tags.ts'
import { decodeTime, encodeTime } from './time.ts'
import { element } from './writer.ts'

/** A DER value without a schema: what it means as far as its tag tells, and everything below it. */
export type DerValue =
  | { readonly tag: number; readonly items: readonly DerValue[] }
  | { readonly tag: number; readonly value: DerPrimitive }

/** Octets for OCTET STRING and for implicit tags, Unix seconds for times, dotted text for OIDs. */
export type DerPrimitive = boolean | bigint | number | string | null | Uint8Array | BitString

/**
 * Reads the next value and all below it where no schema says what must come: values of name attributes, parameters of
 * algorithms. As strict as everywhere: {@link encodeValue} gives back the same bytes.
 */
export function readValue(reader: DerReader): DerValue {
  const tag = reader.nextTag
  if (tag === null) throw new ProtocolError('der_truncated', 'expected a value, got the end')
  if (tag === TAG.set) return { tag, items: reader.eachInSet(readValue) }
  if ((tag & 0x20) !== 0 && (tag >= 0x40 || tag === TAG.sequence)) return { tag, items: reader.each(tag, readValue) }
  return { tag, value: decodePrimitive(tag, reader.content(tag)) }
}

/** {@link readValue} for bytes that hold one value and nothing else. */
export const parseValue = (bytes: Uint8Array, maxBytes?: number): DerValue => readDer(bytes, readValue, maxBytes)

/** The bytes that {@link parseValue} reads as this value. */
export function encodeValue(value: DerValue): Uint8Array {
  if (!('items' in value)) return element(value.tag, encodePrimitive(value.tag, value.value))
  const items = value.items.map(encodeValue)
  return element(value.tag, ...(value.tag === TAG.set ? items.sort(compareEncodings) : items))
}

function decodePrimitive(tag: number, content: Uint8Array): DerPrimitive {
  if (tag >= 0x80) return content
  if (isStringTag(tag)) return decodeString(tag, content)
  switch (tag) {
    case TAG.boolean:
      return decodeBoolean(content)
    case TAG.integer:
    case TAG.enumerated:
      return decodeInteger(content)
    case TAG.bitString:
      return decodeBitString(content)
    case TAG.octetString:
      return content
    case TAG.null:
      return decodeNull(content)
    case TAG.oid:
      return decodeOid(content)
    case TAG.utcTime:
    case TAG.generalizedTime:
      return decodeTime(tag, content)
    default:
      // Also strings in pieces (X.690, 10.2), which have the constructed bit.
      throw new ProtocolError('der_tag_unsupported', `got ${showTag(tag)}`)
  }
}

function decodeNull(content: Uint8Array): null {
  if (content.length === 0) return null
  throw new ProtocolError('der_null_invalid', `expected no content, got ${content.length} octets`)
}

function encodePrimitive(tag: number, value: DerPrimitive): Uint8Array {
  if (value === null) return new Uint8Array()
  if (value instanceof Uint8Array) return value
  switch (typeof value) {
    case 'boolean':
      return Uint8Array.of(value ? 0xff : 0)
    case 'bigint':
      return encodeInteger(value)
    case 'number':
      return encodeTime(tag, value)
    case 'string':
      return tag === TAG.oid ? encodeOid(value) : encodeString(tag, value)
    case 'object':
      return encodeBitString(value)
    default:
      return value satisfies never
  }
}
