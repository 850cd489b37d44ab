import { ProtocolError } from '../errors.ts'

/** X.690, 11.1: TRUE is FF, and nothing else is. */
export function decodeBoolean(content: Uint8Array): boolean {
  if (content.length === 1 && (content[0] === 0 || content[0] === 0xff)) return content[0] === 0xff
  throw new ProtocolError('der_boolean_invalid', 'expected one octet, 00 or FF')
}

/** X.690, 8.3.2: fewest octets, at least one. Throws `der_integer_invalid`. */
export function checkInteger(content: Uint8Array): void {
  if (content.length === 0) throw new ProtocolError('der_integer_invalid', 'expected at least one octet')
  if (content.length === 1) return
  const lead = content[0]!
  const sign = content[1]! & 0x80
  if ((lead === 0 && sign === 0) || (lead === 0xff && sign !== 0))
    throw new ProtocolError('der_integer_invalid', 'expected no leading octet that says nothing')
}

/** The value of an INTEGER's content octets, of any size. */
export function decodeInteger(content: Uint8Array): bigint {
  checkInteger(content)
  let digits = '0x'
  for (const octet of content) digits += octet.toString(16).padStart(2, '0')
  const value = BigInt(digits)
  return content[0]! & 0x80 ? value - (1n << BigInt(8 * content.length)) : value
}

/** The content octets of an INTEGER. */
export function encodeInteger(value: bigint): Uint8Array {
  let length = 1
  while (BigInt.asIntN(8 * length, value) !== value) length++
  const digits = BigInt.asUintN(8 * length, value)
    .toString(16)
    .padStart(2 * length, '0')
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16))
}

export interface BitString {
  /** Bits at the end of the last octet that do not count, 0 to 7. They are zero. */
  readonly unused: number
  readonly bytes: Uint8Array
}

/** X.690, 11.2.1: unused bits are zero. Throws `der_bit_string_invalid`. */
export function decodeBitString(content: Uint8Array): BitString {
  const unused = content[0]
  if (unused === undefined || unused > 7 || (unused > 0 && content.length === 1))
    throw new ProtocolError('der_bit_string_invalid', 'expected 0 to 7 unused bits, and 0 where there are no bits')
  if (unused > 0 && (content[content.length - 1]! & ((1 << unused) - 1)) !== 0)
    throw new ProtocolError('der_bit_string_invalid', 'expected unused bits to be zero')
  return { unused, bytes: content.subarray(1) }
}

/** The content octets of a BIT STRING. */
export function encodeBitString({ unused, bytes }: BitString): Uint8Array {
  const content = new Uint8Array(bytes.length + 1)
  content[0] = unused
  content.set(bytes, 1)
  return content
}
