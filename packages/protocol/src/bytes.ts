import { ProtocolError } from './errors.ts'

const HEX = '0123456789abcdef'

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte >> 4]! + HEX[byte & 15]!
  return text
}

/** Bytes of lower-case hex; throws `hex_invalid` for anything else, so that one value has one text. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new ProtocolError('hex_invalid', `expected pairs of lower-case hex digits, got ${text.length} characters`)
  }
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
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

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const STANDARD = tablesOf(ALPHABET)
const URL_SAFE = tablesOf(ALPHABET.replace('+/', '-_'))

interface Base64Tables {
  /** Character code by value. */
  readonly codes: Uint8Array
  /** Value by character code, or -1. */
  readonly values: Int8Array
}

function tablesOf(alphabet: string): Base64Tables {
  const codes = Uint8Array.from(alphabet, character => character.charCodeAt(0))
  const values = new Int8Array(128).fill(-1)
  codes.forEach((code, value) => {
    values[code] = value
  })
  return { codes, values }
}

/** Base64 with padding (RFC 4648, 4). */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encodeSextets(bytes, STANDARD.codes)
  return text + '='.repeat((4 - (text.length % 4)) % 4)
}

/** Bytes of base64 with exact padding; throws `base64_invalid`, also for spare bits that are not zero. */
export function decodeBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw invalidBase64(`expected whole groups of four, got ${text.length} characters`)
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decodeSextets(text, text.length - padding, STANDARD.values)
}

/** Base64url without padding (RFC 4648, 5; RFC 7515, 2). */
export const encodeBase64Url = (bytes: Uint8Array): string => encodeSextets(bytes, URL_SAFE.codes)

/** Bytes of base64url without padding; throws `base64_invalid`, also for spare bits that are not zero. */
export const decodeBase64Url = (text: string): Uint8Array => decodeSextets(text, text.length, URL_SAFE.values)

function encodeSextets(bytes: Uint8Array, codes: Uint8Array): string {
  const characters = new Uint8Array(Math.ceil((bytes.length * 4) / 3))
  const whole = bytes.length - (bytes.length % 3)
  let at = 0
  for (let i = 0; i < whole; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!
    characters[at++] = codes[group >> 18]!
    characters[at++] = codes[(group >> 12) & 63]!
    characters[at++] = codes[(group >> 6) & 63]!
    characters[at++] = codes[group & 63]!
  }
  if (whole < bytes.length) {
    const group = (bytes[whole]! << 8) | (bytes[whole + 1] ?? 0)
    characters[at++] = codes[group >> 10]!
    characters[at++] = codes[(group >> 4) & 63]!
    // A third character only for a second byte; beyond the end of the array nothing is written.
    characters[at] = codes[(group << 2) & 63]!
  }
  return asciiText(characters)
}

// In pieces, since every code becomes an argument on the stack.
function asciiText(codes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < codes.length; at += 4096)
    text += String.fromCharCode.apply(null, codes.subarray(at, at + 4096) as unknown as number[])
  return text
}

function decodeSextets(text: string, length: number, values: Int8Array): Uint8Array {
  if (length % 4 === 1) throw invalidBase64('a single character is left over')
  const bytes = new Uint8Array((length * 3) >> 2)
  const whole = length - (length % 4)
  // A value of -1 makes its whole group negative.
  const value = (i: number) => {
    const code = text.charCodeAt(i)
    return code < 128 ? values[code]! : -1
  }
  let at = 0
  for (let i = 0; i < whole; i += 4) {
    const group = (value(i) << 18) | (value(i + 1) << 12) | (value(i + 2) << 6) | value(i + 3)
    if (group < 0) throw invalidBase64(`one of characters ${i} to ${i + 3} is not in the alphabet`)
    bytes[at++] = group >> 16
    bytes[at++] = group >> 8
    bytes[at++] = group
  }
  if (whole < length) decodeTail(bytes, at, value(whole), value(whole + 1), length - whole > 2 ? value(whole + 2) : 0)
  return bytes
}

function decodeTail(bytes: Uint8Array, at: number, first: number, second: number, third: number): void {
  const group = (first << 12) | (second << 6) | third
  if (group < 0) throw invalidBase64('one of the last characters is not in the alphabet')
  const spare = bytes.length - at === 1 ? group & 0x3ff : group & 3
  // Two texts must never mean one value: spare bits are zero (RFC 4648, 3.5).
  if (spare !== 0) throw invalidBase64('the spare bits are not zero')
  bytes[at] = group >> 10
  if (at + 1 < bytes.length) bytes[at + 1] = group >> 2
}

const invalidBase64 = (detail: string) => new ProtocolError('base64_invalid', detail)
