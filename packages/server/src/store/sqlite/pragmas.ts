import type { DatabaseSync } from 'node:sqlite'
import { LanyardError } from '@lanyard/api'

/** Bytes of a page. Most pages of a group carry one new index entry each, so small pages mean less to log and to sync. */
export const PAGE_BYTES = 2048

/** Before anything is read: what has no effect later. */
export function takeFile(db: DatabaseSync): void {
  db.exec(`pragma page_size = ${PAGE_BYTES}`)
  // The lock is taken with the first read and kept: no other process serves the same data, and none dies holding it.
  db.exec('pragma locking_mode = exclusive')
}

/** An acknowledged write must survive a loss of power. Throws `store_unavailable` where SQLite does not promise that. */
export function makeDurable(
  db: DatabaseSync,
  { path, maxBytes }: { path: string; maxBytes?: number | undefined },
): void {
  const memory = path === ':memory:'
  require(db, 'journal_mode', 'wal', memory ? 'memory' : 'wal')
  require(db, 'synchronous', 'full', 2)
  // On macOS a plain fsync leaves data in the drive; elsewhere these change nothing.
  db.exec('pragma fullfsync = on')
  db.exec('pragma checkpoint_fullfsync = on')
  // A checkpoint holds the process: rather many short ones. They cost no more together, and half as much at the 99th percentile.
  db.exec('pragma wal_autocheckpoint = 500')
  db.exec('pragma cache_size = -8000')
  if (maxBytes !== undefined) db.exec(`pragma max_page_count = ${Math.floor(maxBytes / PAGE_BYTES)}`)
}

function require(db: DatabaseSync, pragma: string, set: string, expected: string | number): void {
  db.exec(`pragma ${pragma} = ${set}`)
  const got = Object.values(db.prepare(`pragma ${pragma}`).get() ?? {})[0]
  if (got === expected) return
  throw new LanyardError('store_unavailable', `expected SQLite to run with ${pragma} ${expected}, got ${got}`)
}
