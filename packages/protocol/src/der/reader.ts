import { ProtocolError } from '../errors.ts'
import { decodeOid } from './oid.ts'
import { type BitString, checkInteger, decodeBitString, decodeBoolean, decodeInteger } from './primitives.ts'
import { decodeIa5, decodeString } from './strings.ts'
import { showTag, TAG } from './tags.ts'
import { decodeTime } from './time.ts'

/** So that deeply nested DER cannot exhaust the call stack. A certificate needs nine levels. */
export const MAX_DEPTH = 32

/** What a whole DER value may be at most unless the caller says less; the largest public certificates have 10 KB. */
export const MAX_BYTES = 65_536

/**
 * Reads one DER value that fills `bytes` to the last octet. Throws `der_*` codes, and what `read` throws.
 *
 * Nothing is parsed by luck: the caller names each type in the order of the schema, and decides when to descend.
 */
export function readDer<T>(bytes: Uint8Array, read: (reader: DerReader) => T, maxBytes = MAX_BYTES): T {
  requireSize(bytes, maxBytes)
  const reader = new DerReader(bytes, 0, bytes.length, 0)
  const value = read(reader)
  reader.finish()
  return value
}

/** {@link readDer} for bytes from outside: reads a copy, so that what was judged cannot change under the value. */
export function readCopy<T>(bytes: Uint8Array, read: (reader: DerReader) => T, maxBytes = MAX_BYTES): T {
  requireSize(bytes, maxBytes)
  return readDer(new Uint8Array(bytes), read, maxBytes)
}

function requireSize(bytes: Uint8Array, maxBytes: number): void {
  if (bytes.length > maxBytes)
    throw new ProtocolError('der_too_large', `expected at most ${maxBytes} octets, got ${bytes.length}`)
}

/** A place in DER, moving forward over whole values. Contents are views of the bytes that were given, never copies. */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #depth: number
  #at: number
  /** Where the content of the value begins whose header was read last. */
  #content = 0

  constructor(bytes: Uint8Array, at: number, end: number, depth: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    this.#depth = depth
  }

  /** Whether nothing is left here. */
  get done(): boolean {
    return this.#at === this.#end
  }

  /** The identifier octet of the next value, or null at the end. */
  get nextTag(): number | null {
    return this.#at < this.#end ? this.#bytes[this.#at]! : null
  }

  /** The content octets of the next value, which has this tag. */
  content(tag: number): Uint8Array {
    const end = this.#header(tag)
    this.#at = end
    return this.#bytes.subarray(this.#content, end)
  }

  /** Reads inside the next value, which has this tag, up to its last octet. */
  inside<T>(tag: number, read: (inner: DerReader) => T): T {
    const end = this.#header(tag)
    if (this.#depth >= MAX_DEPTH) throw new ProtocolError('der_too_deep', `expected at most ${MAX_DEPTH} levels`)
    const inner = new DerReader(this.#bytes, this.#content, end, this.#depth + 1)
    const value = read(inner)
    inner.finish()
    this.#at = end
    return value
  }

  /** Every value inside the next one, which has this tag. */
  each<T>(tag: number, read: (inner: DerReader) => T): T[] {
    return this.inside(tag, inner => {
      const values: T[] = []
      while (!inner.done) values.push(read(inner))
      return values
    })
  }

  /** As {@link each} for a SET OF, whose elements stand in the order of their encodings (X.690, 11.6). */
  eachInSet<T>(read: (inner: DerReader) => T, tag: number = TAG.set): T[] {
    let previous: Uint8Array | null = null
    return this.each(tag, inner => {
      const start = inner.#at
      const value = read(inner)
      const element = inner.#bytes.subarray(start, inner.#at)
      if (previous !== null && compareEncodings(previous, element) > 0)
        throw new ProtocolError('der_set_order', 'expected the elements in the order of their encodings')
      previous = element
      return value
    })
  }

  /** What `read` makes of the next value, or undefined when the next value has another tag or there is none. */
  optional<T>(tag: number, read: (reader: DerReader) => T): T | undefined {
    return this.nextTag === tag ? read(this) : undefined
  }

  /** The bytes that `read` passed over, and what it made of them. */
  recorded<T>(read: (reader: DerReader) => T): { bytes: Uint8Array; value: T } {
    const start = this.#at
    const value = read(this)
    return { bytes: this.#bytes.subarray(start, this.#at), value }
  }

  boolean(): boolean {
    return decodeBoolean(this.content(TAG.boolean))
  }

  /** An INTEGER of any size. */
  integer(tag: number = TAG.integer): bigint {
    return decodeInteger(this.content(tag))
  }

  /** The content octets of an INTEGER: minimal, two's complement. */
  integerOctets(tag: number = TAG.integer): Uint8Array {
    const content = this.content(tag)
    checkInteger(content)
    return content
  }

  /** An INTEGER from 0 to `max`, at most 2^53 - 1. Throws `der_integer_out_of_range`. */
  number(max: number, tag: number = TAG.integer): number {
    const content = this.integerOctets(tag)
    const value = content.length <= 8 && content[0]! < 0x80 ? readUnsigned(content) : -1
    if (value < 0 || value > max)
      throw new ProtocolError('der_integer_out_of_range', `expected a number from 0 to ${max}`)
    return value
  }

  oid(tag: number = TAG.oid): string {
    return decodeOid(this.content(tag))
  }

  bitString(tag: number = TAG.bitString): BitString {
    return decodeBitString(this.content(tag))
  }

  /** The octets of a BIT STRING that has no unused bits: keys and signatures. */
  wholeBits(tag: number = TAG.bitString): Uint8Array {
    const { unused, bytes } = this.bitString(tag)
    if (unused !== 0) throw new ProtocolError('der_bit_string_invalid', `expected no unused bits, got ${unused}`)
    return bytes
  }

  octetString(tag: number = TAG.octetString): Uint8Array {
    return this.content(tag)
  }

  null(): null {
    const content = this.content(TAG.null)
    if (content.length !== 0)
      throw new ProtocolError('der_null_invalid', `expected no content, got ${content.length} octets`)
    return null
  }

  /** Unix seconds of a UTCTime or GeneralizedTime. */
  time(): number {
    const tag = this.nextTag === TAG.generalizedTime ? TAG.generalizedTime : TAG.utcTime
    return decodeTime(tag, this.content(tag))
  }

  /** The text of a string of this universal type. */
  string(tag: number): string {
    return decodeString(tag, this.content(tag))
  }

  /** The text of an IA5String under an implicit tag. */
  ia5String(tag: number = TAG.ia5String): string {
    return decodeIa5(this.content(tag))
  }

  /** Throws `der_trailing_bytes` unless nothing is left here. */
  finish(): void {
    if (this.#at === this.#end) return
    throw new ProtocolError('der_trailing_bytes', `expected the end, got ${this.#end - this.#at} more octets`)
  }

  /** Reads a header, notes where the content begins, and gives its end. The position does not move. */
  #header(tag: number): number {
    const bytes = this.#bytes
    const at = this.#at
    if (at >= this.#end) throw new ProtocolError('der_truncated', `expected ${showTag(tag)}, got the end`)
    const found = bytes[at]!
    // Tag numbers from 31 on stand in more octets (X.690, 8.1.2.4); nothing that we read has them.
    if ((found & 0x1f) === 0x1f) throw new ProtocolError('der_tag_unsupported', `got ${showTag(found)}`)
    if (found !== tag) throw new ProtocolError('der_tag_unexpected', `expected ${showTag(tag)}, got ${showTag(found)}`)
    if (at + 1 >= this.#end) throw new ProtocolError('der_truncated', 'expected a length, got the end')
    const first = bytes[at + 1]!
    const length = first < 0x80 ? first : this.#longLength(at + 2, first & 0x7f)
    this.#content = at + 2 + (first < 0x80 ? 0 : first & 0x7f)
    if (length > this.#end - this.#content)
      throw new ProtocolError('der_truncated', `expected ${length} octets, got ${this.#end - this.#content}`)
    return this.#content + length
  }

  // X.690, 10.1: definite (80 is not), in the fewest octets. Three suffice for the largest value that is ever read.
  #longLength(at: number, count: number): number {
    if (count === 0) throw new ProtocolError('der_length_invalid', 'expected a definite length')
    if (at + count > this.#end) throw new ProtocolError('der_truncated', 'expected a length, got the end')
    if (this.#bytes[at] === 0) throw new ProtocolError('der_length_invalid', 'a length has leading zeros')
    if (count > 3) throw new ProtocolError('der_length_invalid', `expected up to 3 length octets, got ${count}`)
    const length = readUnsigned(this.#bytes.subarray(at, at + count))
    if (length < 0x80) throw new ProtocolError('der_length_invalid', 'a length below 128 has the long form')
    return length
  }
}

function readUnsigned(octets: Uint8Array): number {
  let value = 0
  for (const octet of octets) value = value * 256 + octet
  return value
}

/** The order of SET OF: octet by octet, as if the shorter one ended in zeros (X.690, 11.6). */
export function compareEncodings(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}
