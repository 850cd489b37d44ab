import { ProtocolError } from './errors.ts'

// Two digits for each octet, and the octet's value for each digit: identifiers pass here several times a certificate.
const PAIRS = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'))
const DIGITS = new Int8Array(128).fill(-1)
for (let value = 0; value < 16; value++) DIGITS[value.toString(16).charCodeAt(0)] = value

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += PAIRS[bytes[i]!]!
  return text
}

/** Bytes of lower-case hex; throws `hex_invalid` for anything else, so that one value has one text. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1)
  let sound = text.length % 2 === 0
  for (let i = 0; i < bytes.length; i++) {
    const value = (digit(text, 2 * i) << 4) | digit(text, 2 * i + 1)
    if (value < 0) sound = false
    bytes[i] = value
  }
  if (sound) return bytes
  throw new ProtocolError('hex_invalid', `expected pairs of lower-case hex digits, got ${text.length} characters`)
}

function digit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 128 ? DIGITS[code]! : -1
}

/** Whether two byte strings are the same. Not for secrets that an attacker can probe; see `equalSecrets`. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether two secrets are the same, in a time that depends on their lengths alone. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/** All parts, one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** UTF-8 of a string; throws `utf8_invalid` for a lone surrogate. */
export function encodeUtf8(text: string): Uint8Array {
  // Nearly all that is encoded is ASCII, and on the way of every certificate.
  const plain = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return encodeWide(text)
    plain[i] = code
  }
  return plain
}

function encodeWide(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3)
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!
    if (point > 0xffff) i++
    at = writePoint(bytes, at, point)
  }
  return bytes.slice(0, at)
}

function writePoint(bytes: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    bytes[at] = point
    return at + 1
  }
  if (point >= 0xd800 && point <= 0xdfff) throw new ProtocolError('utf8_invalid', 'a surrogate stands alone')
  const tails = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3
  bytes[at] = ([0, 0xc0, 0xe0, 0xf0][tails]! | (point >> (6 * tails))) & 0xff
  for (let i = tails; i > 0; i--) bytes[at + 1 + tails - i] = 0x80 | ((point >> (6 * (i - 1))) & 0x3f)
  return at + tails + 1
}

/** The text of UTF-8 bytes; throws `utf8_invalid` for overlong forms, surrogates, and anything cut short (RFC 3629, 3). */
export function decodeUtf8(bytes: Uint8Array): string {
  return bytes.every(byte => byte < 0x80) ? asciiText(bytes) : decodeWide(bytes)
}

function decodeWide(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!
    const tails = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1
    if (tails < 0 || at + tails >= bytes.length)
      throw new ProtocolError('utf8_invalid', `byte ${at} begins no character`)
    text += String.fromCodePoint(readPoint(bytes, at, tails))
    at += tails + 1
  }
  return text
}

const LEAST = [0, 0x80, 0x800, 0x10000]

function readPoint(bytes: Uint8Array, at: number, tails: number): number {
  let point = bytes[at]! & [0x7f, 0x1f, 0x0f, 0x07][tails]!
  for (let i = 1; i <= tails; i++) {
    const tail = bytes[at + i]!
    if ((tail & 0xc0) !== 0x80) throw new ProtocolError('utf8_invalid', `byte ${at + i} continues no character`)
    point = (point << 6) | (tail & 0x3f)
  }
  if (point < LEAST[tails]! || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    throw new ProtocolError('utf8_invalid', `byte ${at} begins no character`)
  }
  return point
}

/** Text of character codes below 128, in pieces, since every code becomes an argument on the stack. */
export function asciiText(codes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < codes.length; at += 4096)
    text += String.fromCharCode.apply(null, codes.subarray(at, at + 4096) as unknown as number[])
  return text
}
