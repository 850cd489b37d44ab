import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { StoreFacts } from '../ports.ts'

/**
 * Reads the facts of a store without changing one byte of its folder: without locks, without the files that SQLite puts
 * beside a database, and without writing the journal of a killed process back. So a start with a wrong passphrase leaves
 * no trace. What is read while another process writes may be torn; whoever goes on opens the store and asks again.
 *
 * Null for a store that is not there, has nothing yet, or cannot be read: whoever opens it is told why.
 */
export function peekSqliteStore(path: string): StoreFacts | null {
  if (!existsSync(path)) return null
  const url = pathToFileURL(path)
  // https://sqlite.org/vfs.html: `unix-none` takes no locks. With exclusive locking the index of the journal lies in
  // memory instead of a file.
  url.search = 'vfs=unix-none'
  try {
    const db = new DatabaseSync(url, { readOnly: true })
    try {
      db.exec('pragma locking_mode = exclusive')
      return readFacts(db)
    } finally {
      db.close()
    }
  } catch {
    return null
  }
}

function readFacts(db: DatabaseSync): StoreFacts | null {
  const tables = db.prepare("select name from sqlite_schema where name in ('meta', 'trust_domains')").all()
  if (tables.length < 2) return null
  const domain = db.prepare('select name from trust_domains order by id limit 1').get()
  if (domain === undefined) return null
  const meta = db.prepare('select key, value from meta').all()
  return {
    trustDomain: String(domain.name),
    meta: new Map(meta.map(({ key, value }) => [String(key), String(value)])),
  }
}
