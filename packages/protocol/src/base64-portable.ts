// Base64 in plain JavaScript, for engines that have none of their own, such as that of Node 22. See base64.ts.
import { asciiText } from './bytes.ts'
import { ProtocolError } from './errors.ts'

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
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeSextets(bytes, URL_SAFE.codes)
}

/** Bytes of base64url without padding; throws `base64_invalid`, also for spare bits that are not zero. */
export function decodeBase64Url(text: string): Uint8Array {
  return decodeSextets(text, text.length, URL_SAFE.values)
}

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
