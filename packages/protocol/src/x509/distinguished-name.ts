import { decodeUtf8, encodeUtf8, fromHex, toHex } from '../bytes.ts'
import { type DerReader, readDer } from '../der/reader.ts'
import { isStringTag } from '../der/strings.ts'
import { TAG } from '../der/tags.ts'
import { readValue } from '../der/value.ts'
import { ProtocolError } from '../errors.ts'
import { NAME_ATTRIBUTES } from '../oids.ts'
import type { Name } from './name.ts'

// RFC 4514, 3: the types that have names; all others stand as their numbers, with the value in hex.
const TYPES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(NAME_ATTRIBUTES)
    .filter(([short]) => short !== 'SERIALNUMBER')
    .map(([short, dotted]) => [dotted, short] as const),
  ['2.5.4.9', 'STREET'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
])

/** Longer than any name that somebody would bind to a role. */
const MAX_TEXT = 4096

/**
 * A distinguished name as text to be compared (RFC 4514): the last part of the encoding first, one spelling for each
 * name, so that two names give the same text only where their types and texts are the same. Letter case counts. Empty
 * for the empty name.
 */
export function distinguishedName({ der }: Pick<Name, 'der'>): string {
  const rdns = readDer(der, reader => reader.each(TAG.sequence, rdn => rdn.eachInSet(readAttribute)))
  return rdns.reverse().map(joined).join(',')
}

/**
 * The same text from one that a person wrote, with spaces, escapes and letter case of types as RFC 4514 leaves them
 * open. Throws `name_malformed`.
 */
export function canonicalDistinguishedName(text: string): string {
  if (text.length > MAX_TEXT) throw malformed(`at most ${MAX_TEXT} characters`)
  return split(text, ',')
    .map(rdn => joined(split(rdn, '+').map(parseAttribute)))
    .join(',')
}

// A set has no order of its own in text.
const joined = (attributes: readonly string[]) => [...attributes].sort().join('+')

function readAttribute(reader: DerReader): string {
  return reader.inside(TAG.sequence, inner => {
    const dotted = inner.oid()
    const { bytes, value } = inner.recorded(readValue)
    const short = TYPES.get(dotted)
    if (short !== undefined && isStringTag(value.tag) && 'value' in value)
      return `${short}=${withEscapes(`${value.value}`)}`
    return `${short ?? dotted}=#${toHex(bytes)}`
  })
}

// RFC 4514, 2.4. What is no visible character too, in hex pairs: the text stands in lists and events.
function withEscapes(text: string): string {
  const escaped = text.replace(/["+,;<>\\]|\p{C}|\p{Z}/gu, character => {
    if (character === ' ') return ' '
    return /[\p{C}\p{Z}]/u.test(character) ? pairs(character) : `\\${character}`
  })
  return escaped.replace(/^[# ]/, '\\$&').replace(/(?<=[^\\]) $/, '\\ ')
}

const pairs = (character: string) => toHex(encodeUtf8(character)).replace(/../g, '\\$&')

const FORM = /^ *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= *(.*)$/s
const SHORT = new Set(TYPES.values())

function parseAttribute(text: string): string {
  const [, type, value] = FORM.exec(text) ?? []
  if (type === undefined || value === undefined) throw malformed('type=value')
  const short = type.toUpperCase()
  if (value.startsWith('#')) return `${TYPES.get(type) ?? short}=#${hexOf(value)}`
  if (!SHORT.has(short)) throw malformed(`one of ${[...SHORT].join(', ')}, or a number with #hex`)
  return `${short}=${withEscapes(withoutEscapes(value))}`
}

function hexOf(value: string): string {
  const hex = value.slice(1).trimEnd().toLowerCase()
  if (!/^(?:[0-9a-f]{2})+$/.test(hex)) throw malformed('pairs of hex digits behind #')
  return hex
}

/** Parts between separators that no backslash stands before. */
function split(text: string, separator: string): string[] {
  const parts = ['']
  for (const [token] of text.matchAll(/\\.|[^\\]|\\$/gsu)) {
    if (token === separator) parts.push('')
    else parts[parts.length - 1] += token
  }
  return parts
}

// Pairs are octets of UTF-8, several of which may make one character.
function withoutEscapes(value: string): string {
  const octets: number[] = []
  const trimmed = value.replace(/(?<!\\) +$/, '')
  for (const [token] of trimmed.matchAll(/\\[0-9A-Fa-f]{2}|\\.|[^\\]|\\$/gsu)) octets.push(...octetsOf(token))
  return decodeUtf8(Uint8Array.from(octets))
}

function octetsOf(token: string): Uint8Array {
  if (!token.startsWith('\\')) {
    if (/["+,;<>\0]/.test(token)) throw malformed(`${token} behind a backslash`)
    return encodeUtf8(token)
  }
  if (token.length === 3) return fromHex(token.slice(1).toLowerCase())
  if (/^\\[ "#+,;<=>\\]$/.test(token)) return encodeUtf8(token.slice(1))
  throw malformed('an escape of RFC 4514')
}

const malformed = (expected: string) =>
  new ProtocolError('name_malformed', `expected ${expected} in a distinguished name`)
