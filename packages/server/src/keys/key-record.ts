import { LanyardError } from '@lanyard/api'
import type { Scrypt } from './passphrase.ts'

/** What a store remembers of how its keys are protected; never anything that opens them. */
export type KeyRecord =
  | { readonly protection: 'passphrase'; readonly scrypt: Scrypt; readonly check: Uint8Array }
  | { readonly protection: 'unsealed'; readonly check: Uint8Array }
  | { readonly protection: 'memory' }

/** The record as text, for the store. */
export function writeKeyRecord(record: KeyRecord): string {
  switch (record.protection) {
    case 'passphrase': {
      const { protection, scrypt, check } = record
      return JSON.stringify({ protection, scrypt: { ...scrypt, salt: base64(scrypt.salt) }, check: base64(check) })
    }
    case 'unsealed':
      return JSON.stringify({ protection: record.protection, check: base64(record.check) })
    case 'memory':
      return JSON.stringify({ protection: record.protection })
    default:
      throw new TypeError(`no text for ${String(record satisfies never)}`)
  }
}

/** Reads {@link writeKeyRecord} back; throws `store_damaged` for anything else. */
export function readKeyRecord(text: string): KeyRecord {
  try {
    return fromJson(JSON.parse(text))
  } catch (cause) {
    throw new LanyardError('store_damaged', 'the record of how keys are protected cannot be read', {}, { cause })
  }
}

function fromJson({ protection, scrypt, check }: Record<string, unknown>): KeyRecord {
  switch (protection) {
    case 'passphrase':
      return { protection, scrypt: scryptFrom(scrypt as Record<string, unknown>), check: bytesFrom(check) }
    case 'unsealed':
      return { protection, check: bytesFrom(check) }
    case 'memory':
      return { protection }
    default:
      throw new TypeError('unknown protection')
  }
}

const scryptFrom = ({ n, r, p, salt }: Record<string, unknown>): Scrypt => ({
  n: Number(n),
  r: Number(r),
  p: Number(p),
  salt: bytesFrom(salt),
})

function bytesFrom(text: unknown): Uint8Array {
  if (typeof text !== 'string' || text === '') throw new TypeError('expected base64')
  return new Uint8Array(Buffer.from(text, 'base64'))
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
