import type { DatabaseSync } from 'node:sqlite'
import { LanyardError } from '@lanyard/api'
import { sqliteDialect } from '../dialect.ts'
import { StatementFailed } from '../engine.ts'
import { FIRST_REVISION } from '../migrations/0003-workloads.ts'
import { FIRST_POLICY_REVISION } from '../migrations/0004-who-may-ask.ts'
import { migrations } from '../migrations/index.ts'
import type { Runnable } from '../statement.ts'

/** Marks a file as ours in its header: "LANY". */
const APPLICATION_ID = 0x4c414e59

/** Answers statements outside any group, while the store is being opened. */
export const answerOn = (db: DatabaseSync) => (statement: Runnable) => {
  try {
    const prepared = db.prepare(statement.sql)
    return prepared.all(...(statement.parameters as (string | number | null | Uint8Array)[]))
  } catch (error) {
    throw new StatementFailed(error)
  }
}

/**
 * Brings the schema up to date in one transaction and gives the number of the trust domain. Throws `store_damaged` for
 * the database of some other program, `store_newer` and `store_foreign`, each before it changes anything.
 */
export function migrate(db: DatabaseSync, { trustDomain, at }: { trustDomain: string; at: number }): number {
  db.exec('begin exclusive')
  try {
    const version = versionOf(db)
    if (version > migrations.length) {
      throw new LanyardError('store_newer', `expected schema version ${migrations.length} at most, got ${version}`)
    }
    if (version === 0) db.exec(createMigrations(db))
    else requireTrustDomain(db, trustDomain)
    for (const migration of migrations.slice(version)) {
      for (const sql of migration.up(sqliteDialect)) db.exec(sql)
      db.prepare('insert into migrations (id, name, at) values (?, ?, ?)').run(migration.id, migration.name, at)
    }
    const id = trustDomainId(db, trustDomain)
    db.exec('commit')
    return id
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

function createMigrations(db: DatabaseSync): string {
  if (numberOf(db, 'select count(*) from sqlite_schema') > 0) {
    throw new LanyardError('store_damaged', 'this is a database, but not one of Lanyard')
  }
  const { types: t, tableEnd } = sqliteDialect
  return `pragma application_id = ${APPLICATION_ID};
    create table migrations (id ${t.int} primary key, name ${t.text} not null, at ${t.int} not null)${tableEnd()}`
}

function versionOf(db: DatabaseSync): number {
  if (numberOf(db, 'pragma application_id') !== APPLICATION_ID) return 0
  return numberOf(db, 'select coalesce(max(id), 0) from migrations')
}

function requireTrustDomain(db: DatabaseSync, expected: string): void {
  const names = db
    .prepare('select name from trust_domains')
    .all()
    .map(row => String(row.name))
  if (names.length === 1 && names[0] === expected) return
  throw new LanyardError('store_foreign', `expected the trust domain ${expected}, got ${names.join(', ')}`)
}

function trustDomainId(db: DatabaseSync, name: string): number {
  db.prepare('insert into trust_domains (name) values (?) on conflict do nothing').run(name)
  db.exec('insert into epoch (trust_domain, epoch) select id, 0 from trust_domains where true on conflict do nothing')
  db.exec(FIRST_REVISION)
  db.exec(FIRST_POLICY_REVISION)
  return Number(db.prepare('select id from trust_domains where name = ?').get(name)!.id)
}

const numberOf = (db: DatabaseSync, sql: string): number => Number(Object.values(db.prepare(sql).get()!)[0])
