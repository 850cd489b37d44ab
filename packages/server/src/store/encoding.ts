import { LanyardError, type Tier } from '@lanyard/api'

/** Bytes of a hex string; throws `TypeError` for anything else. */
export function bytesOfHex(hex: string): Uint8Array {
  const bytes = Buffer.from(hex, 'hex')
  // Buffer.from stops at the first wrong digit, so that a longer name would find the row of a shorter one.
  if (bytes.length * 2 !== hex.length) throw new TypeError(`expected hex, got ${hex.length} other characters`)
  return bytes
}

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')

export const bytesOfThumbprint = (thumbprint: string): Uint8Array => Buffer.from(thumbprint, 'base64url')

export const thumbprintOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')

/** A tier in certificate rows. Numbers never change their meaning. */
export const TIER_NUMBER = {
  platinum: 1,
  gold: 2,
  silver: 3,
  bronze: 4,
  restricted: 5,
} as const satisfies Record<Tier, number>

const TIER_OF = new Map<number, Tier>(Object.entries(TIER_NUMBER).map(([tier, number]) => [number, tier as Tier]))

export function tierOf(number: number): Tier {
  const tier = TIER_OF.get(number)
  if (!tier) throw new Error(`expected the number of a tier in a certificate row, got ${number}`)
  return tier
}

/** Numbers of a cursor, joined by dots; throws `cursor_invalid` for what no list of ours gave. */
export function numbersOfCursor(after: string, count: number): number[] {
  const numbers = after.split('.').map(text => (/^\d{1,16}$/.test(text) ? Number(text) : Number.NaN))
  if (numbers.length !== count || !numbers.every(Number.isSafeInteger)) throw cursorInvalid()
  return numbers
}

export const cursorInvalid = (): LanyardError =>
  new LanyardError('cursor_invalid', 'expected the cursor of the page before, of the same list')
