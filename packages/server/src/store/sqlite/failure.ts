import { LanyardError } from '@lanyard/api'

/** The primary result codes that mean: not now, try again or make room (sqlite.org/rescode.html). */
const UNAVAILABLE = new Set([
  5, // BUSY
  6, // LOCKED
  7, // NOMEM
  8, // READONLY
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  15, // PROTOCOL
  26, // NOTADB
])

/** SQLite's primary result code, or undefined for an error that is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  // Extended codes carry the primary one in their low byte.
  return error.errcode & 0xff
}

/** What a caller of the store gets to see: `store_unavailable` where the database could not, else the error as it is. */
export function failureOf(error: unknown): unknown {
  const code = sqliteCode(error)
  if (code === undefined || !UNAVAILABLE.has(code)) return error
  return new LanyardError('store_unavailable', `the database answered with SQLite result ${code}`, {}, { cause: error })
}

/** Whether a call failed for want of space: the disk is full, or the file has grown to its limit. */
export const isFull = (error: unknown): boolean => error instanceof LanyardError && sqliteCode(error.cause) === 13
