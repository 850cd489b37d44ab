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
const URL_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUES = tableOf(ALPHABET)
const URL_VALUES = tableOf(URL_ALPHABET)

function tableOf(alphabet: string): Int8Array {
  const table = new Int8Array(128).fill(-1)
  for (let i = 0; i < 64; i++) table[alphabet.charCodeAt(i)] = i
  return table
}

/** Base64 with padding (RFC 4648, 4). */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encodeSextets(bytes, ALPHABET)
  return text + '='.repeat((4 - (text.length % 4)) % 4)
}

/** Bytes of base64 with exact padding; throws `base64_invalid`, also for spare bits that are not zero. */
export function decodeBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw invalidBase64(`expected whole groups of four, got ${text.length} characters`)
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decodeSextets(text, text.length - padding, VALUES)
}

/** Base64url without padding (RFC 4648, 5; RFC 7515, 2). */
export const encodeBase64Url = (bytes: Uint8Array): string => encodeSextets(bytes, URL_ALPHABET)

/** Bytes of base64url without padding; throws `base64_invalid`, also for spare bits that are not zero. */
export const decodeBase64Url = (text: string): Uint8Array => decodeSextets(text, text.length, URL_VALUES)

function encodeSextets(bytes: Uint8Array, alphabet: string): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += alphabet[group >> 18]! + alphabet[(group >> 12) & 63]!
    if (left > 1) text += alphabet[(group >> 6) & 63]!
    if (left > 2) text += alphabet[group & 63]!
  }
  return text
}

function decodeSextets(text: string, length: number, values: Int8Array): Uint8Array {
  if (length % 4 === 1) throw invalidBase64('a single character is left over')
  const bytes = new Uint8Array((length * 3) >> 2)
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    const value = code < 128 ? values[code]! : -1
    if (value < 0) throw invalidBase64(`character ${i} is not in the alphabet`)
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (held >> bits) & 0xff
    }
  }
  // Two texts must never mean one value: spare bits are zero (RFC 4648, 3.5).
  if ((held & ((1 << bits) - 1)) !== 0) throw invalidBase64('the spare bits are not zero')
  return bytes
}

const invalidBase64 = (detail: string) => new ProtocolError('base64_invalid', detail)
