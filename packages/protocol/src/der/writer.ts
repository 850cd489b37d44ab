import { encodeOid } from './oid.ts'
import { type BitString, encodeBitString, encodeInteger } from './primitives.ts'
import { compareEncodings } from './reader.ts'
import { encodeIa5, encodeString } from './strings.ts'
import { TAG } from './tags.ts'
import { encodeTime, timeTag } from './time.ts'

/** One value: a tag, and the content in parts. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const octets = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3
  const whole = new Uint8Array(2 + octets + length)
  whole[0] = tag
  whole[1] = octets === 0 ? length : 0x80 | octets
  for (let i = 0; i < octets; i++) whole[2 + i] = (length >> (8 * (octets - 1 - i))) & 0xff
  let at = 2 + octets
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => element(TAG.sequence, ...parts)

/** A SET OF: puts the elements in order (X.690, 11.6). */
export const setOf = (...elements: readonly Uint8Array[]): Uint8Array =>
  element(TAG.set, ...[...elements].sort(compareEncodings))

export const integer = (value: bigint | number, tag: number = TAG.integer): Uint8Array =>
  element(tag, encodeInteger(BigInt(value)))

/** An INTEGER that is not negative, from the octets of its magnitude. */
export function unsigned(magnitude: Uint8Array): Uint8Array {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const digits = magnitude.subarray(start)
  return digits.length === 0 || digits[0]! & 0x80
    ? element(TAG.integer, new Uint8Array(1), digits)
    : element(TAG.integer, digits)
}

export const boolean = (value: boolean): Uint8Array => element(TAG.boolean, Uint8Array.of(value ? 0xff : 0))

export const octetString = (bytes: Uint8Array): Uint8Array => element(TAG.octetString, bytes)

export const bitString = (value: BitString): Uint8Array => element(TAG.bitString, encodeBitString(value))

/** A BIT STRING without unused bits: keys and signatures. */
export const wholeBits = (bytes: Uint8Array): Uint8Array => element(TAG.bitString, new Uint8Array(1), bytes)

export const nullValue = (): Uint8Array => element(TAG.null)

export const oid = (dotted: string): Uint8Array => element(TAG.oid, encodeOid(dotted))

/** A string of a universal type; see {@link encodeString}. */
export const string = (tag: number, text: string): Uint8Array => element(tag, encodeString(tag, text))

/** An IA5String under an implicit tag. */
export const ia5String = (text: string, tag: number = TAG.ia5String): Uint8Array => element(tag, encodeIa5(text))

/** UTCTime or GeneralizedTime of Unix seconds, whichever RFC 5280, 4.1.2.5 prescribes. */
export function time(seconds: number): Uint8Array {
  const tag = timeTag(seconds)
  return element(tag, encodeTime(tag, seconds))
}
