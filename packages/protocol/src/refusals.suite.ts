import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ProtocolCode, ProtocolError } from './errors.ts'

/** The code of the refusal, or null when the attempt succeeds. Any other error goes through. */
export function codeOf(attempt: () => unknown): ProtocolCode | null {
  try {
    attempt()
    return null
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
}

export function refuses(code: ProtocolCode, attempt: () => unknown, why = 'an attempt'): void {
  const got = codeOf(attempt)
  assert.equal(got, code, `${why}: expected ${code}, got ${got}`)
}

/** Bytes in hex (blanks are for the reader), the expected code or null for what is accepted, and why. */
export type HostileBytes = readonly [hex: string, code: ProtocolCode | null, why: string]

export const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex'))

/** One test for each row. */
export function hostileTable(rows: readonly HostileBytes[], parse: (bytes: Uint8Array) => unknown): void {
  for (const [hex, code, why] of rows)
    it(`${code ?? 'accepted'}: ${why}`, () =>
      assert.equal(
        codeOf(() => parse(bytesOf(hex))),
        code,
      ))
}

/** The octets, of all 256, for which the attempt succeeds; the others are refused by code, or this throws. */
export function acceptedOctets(attempt: (octet: number) => unknown): number[] {
  return Array.from({ length: 256 }, (_, octet) => octet).filter(octet => codeOf(() => attempt(octet)) === null)
}

/** The code points of a text. */
export const octetsOf = (text: string): number[] =>
  Array.from(text, character => character.charCodeAt(0)).sort((a, b) => a - b)
