import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import { ChainHeads } from '../chains.ts'
import { sqliteDialect } from '../dialect.ts'
import { runStep, StatementFailed } from '../engine.ts'
import type { ChainName, OpenStore } from '../ports.ts'
import { pruner } from '../prune.ts'
import { chainEnds } from '../rows/chain-ends.ts'
import { storeRows } from '../rows/index.ts'
import { Statements } from '../statement.ts'
import { chainVerifier } from '../verify-chain.ts'
import { SqliteEngine } from './engine.ts'
import { sqliteCode } from './failure.ts'
import { answerOn, migrate } from './migrate.ts'
import { makeDurable, takeFile } from './pragmas.ts'
import { openReserve } from './reserve.ts'

export interface SqliteOptions {
  /** The database file, made when absent, readable by its owner alone; or `:memory:`. */
  readonly path: string
  /** Name of the trust domain; the store is of this one for ever. */
  readonly trustDomain: string
  readonly clock: Clock
  /** What the file may grow to; beyond that, writes are refused with `store_unavailable` until rows leave. */
  readonly maxBytes?: number | undefined
}

/**
 * Opens or makes a store in one file, for this process alone. Throws, having changed nothing: `data_in_use`,
 * `store_damaged`, `store_newer`, `store_foreign`, `store_unavailable`.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<OpenStore> {
  const { path, trustDomain, clock } = options
  try {
    if (path !== ':memory:') makePrivate(path)
    // Long enough for a process that is just ending.
    const db = new DatabaseSync(path, { timeout: 250, defensive: true, enableForeignKeyConstraints: true })
    return await closingOnFailure(db, () => {
      takeFile(db)
      const trustDomainId = migrate(db, { trustDomain, at: clock.now() })
      makeDurable(db, options)
      return assemble(db, options, trustDomainId)
    })
  } catch (error) {
    throw refusalOf(error, path)
  }
}

async function closingOnFailure<T>(db: DatabaseSync, body: () => T): Promise<T> {
  try {
    return body()
  } catch (error) {
    db.close()
    throw error
  }
}

// SQLite would let others read it; its journal gets the permissions of the file. An existing file is not opened here:
// closing it again would let go of the locks that this process may hold on it (POSIX fcntl locks).
function makePrivate(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600))
}

function assemble(db: DatabaseSync, options: SqliteOptions, trustDomainId: number): OpenStore {
  const { trustDomain, clock } = options
  const statements = new Statements(sqliteDialect)
  const { id, uuid } = ownInstance(db, clock.now())
  const ends = chainEnds({ statements })
  const standing = (chain: ChainName) => runStep(() => ends.head(uuid, chain), answerOn(db))
  const heads = new ChainHeads(uuid, id, { audit: standing('audit'), issuance: standing('issuance') })
  const context = { statements, heads, trustDomain: trustDomainId }
  const engine = new SqliteEngine(db, heads, openReserve(db, options))
  return {
    store: engine,
    watch: engine,
    rows: storeRows(context),
    trustDomain,
    instance: uuid,
    writers: [uuid],
    prune: pruner(engine, context),
    verifyChain: chainVerifier(engine, context),
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
  const cause = error instanceof StatementFailed ? error.cause : error
  switch (sqliteCode(cause)) {
    case 5: // BUSY
    case 6: // LOCKED
      return new LanyardError('data_in_use', `another process holds ${path}`, {}, { cause })
    case 1: // ERROR: a table or column that should be there is not
    case 11: // CORRUPT
    case 26: // NOTADB
      return new LanyardError('store_damaged', `${path} is not a database as Lanyard writes them`, {}, { cause })
    default:
      return new LanyardError('store_unavailable', `${path} cannot be used: ${messageOf(cause)}`, {}, { cause })
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
