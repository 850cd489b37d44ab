import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { LanyardError } from '@lanyard/api'
import type { Clock, Step } from '@lanyard/authority'
import { ChainHeads } from '../chains.ts'
import { sqliteDialect } from '../dialect.ts'
import { runStep } from '../engine.ts'
import type { OpenStore } from '../ports.ts'
import { prune } from '../prune.ts'
import { chainEnds } from '../rows/heads.ts'
import { storeRows } from '../rows/index.ts'
import { Statements } from '../statement.ts'
import { verifyChain } from '../verify-chain.ts'
import { SqliteEngine } from './engine.ts'
import { sqliteCode } from './failure.ts'
import { answerOn, migrate } from './migrate.ts'

export interface SqliteOptions {
  /** The database file, made when absent, readable by its owner alone; or `:memory:`. */
  readonly path: string
  /** Name of the trust domain; the store is of this one for ever. */
  readonly trustDomain: string
  readonly clock: Clock
}

/**
 * Opens or makes a store in one file, for this process alone. Throws, having changed nothing: `data_in_use`,
 * `store_damaged`, `store_newer`, `store_foreign`.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<OpenStore> {
  const db = openDatabase(options.path)
  try {
    return await assemble(db, options)
  } catch (error) {
    db.close()
    throw refusalOf(error, options.path)
  }
}

function openDatabase(path: string): DatabaseSync {
  // SQLite would make it readable by others, and gives its journal the permissions of the file.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600))
  return new DatabaseSync(path, { timeout: 250, defensive: true, enableForeignKeyConstraints: true })
}

async function assemble(db: DatabaseSync, { trustDomain, clock }: SqliteOptions): Promise<OpenStore> {
  // The lock of the file is taken with the first read and kept: no other process can serve the same data.
  db.exec('pragma locking_mode = exclusive')
  const at = clock.now()
  const trustDomainId = migrate(db, { trustDomain, at })
  db.exec('pragma journal_mode = wal')
  db.exec('pragma synchronous = full')

  const statements = new Statements(sqliteDialect)
  const read = <T>(step: Step<T>): T => runStep(() => step, answerOn(db))
  const instance = ownInstance(db, at)
  const ends = chainEnds({ statements })
  const heads = new ChainHeads(instance.uuid, instance.id, {
    audit: read(ends.head(instance.uuid, 'audit')),
    issuance: read(ends.head(instance.uuid, 'issuance')),
  })
  const context = { statements, heads, trustDomain: trustDomainId }
  const engine = new SqliteEngine(db, heads)
  return {
    store: engine,
    rows: storeRows(context),
    trustDomain,
    instance: instance.uuid,
    prune: (now, retention) => prune(engine, context, now, retention),
    verifyChain: (uuid, chain) => verifyChain(engine, context, uuid, chain),
    close: () => engine.close(),
  }
}

// One file is one instance, whichever process serves it.
function ownInstance(db: DatabaseSync, at: number): { id: number; uuid: string } {
  db.prepare('insert into instances (uuid, created_at) select ?, ? where not exists (select 1 from instances)').run(
    randomUUID(),
    at,
  )
  const row = db.prepare('select id, uuid from instances order by id limit 1').get()
  return { id: Number(row!.id), uuid: String(row!.uuid) }
}

function refusalOf(error: unknown, path: string): unknown {
  if (error instanceof LanyardError) return error
  const cause = error instanceof Error && error.cause ? error.cause : error
  switch (sqliteCode(cause)) {
    case 5:
    case 6:
      return new LanyardError('data_in_use', `another process holds ${path}`, {}, { cause })
    case 11:
    case 26:
      return new LanyardError('store_damaged', `${path} is not a database that SQLite can read`, {}, { cause })
    case undefined:
      return error
    default:
      return new LanyardError('store_unavailable', `SQLite cannot use ${path}`, {}, { cause })
  }
}
