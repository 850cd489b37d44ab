import { LanyardError } from '@lanyard/api'
import { postgresDialect } from '../dialect.ts'
import { FIRST_REVISION } from '../migrations/0003-workloads.ts'
import { FIRST_POLICY_REVISION } from '../migrations/0004-who-may-ask.ts'
import { migrations } from '../migrations/index.ts'
import { lockKey } from './locks.ts'
import { SCHEMA, type Session } from './session.ts'
import { parameterized } from './statements.ts'

export interface Migrating {
  readonly trustDomain: string
  /** Unix milliseconds. */
  readonly at: number
}

/**
 * Brings the schema up to date in one transaction, one instance at a time, and gives the number of the trust domain.
 * Throws `store_damaged` for tables of some other program, `store_newer` and `store_foreign`, each before it changes
 * anything.
 */
export async function migrate(session: Session, { trustDomain, at }: Migrating): Promise<number> {
  await session.run(`begin; select pg_advisory_xact_lock(${lockKey('migration')})`)
  try {
    const version = await versionOf(session)
    if (version === null) await createMigrations(session)
    else await requireTrustDomain(session, trustDomain)
    if ((version ?? 0) > migrations.length)
      throw new LanyardError('store_newer', `expected schema version ${migrations.length} at most, got ${version}`)
    for (const migration of migrations.slice(version ?? 0)) {
      for (const sql of migration.up(postgresDialect)) await session.run(sql)
      await session.answer(
        parameterized('insert into migrations (id, name, at) values ($1, $2, $3)', [migration.id, migration.name, at]),
      )
    }
    const id = await trustDomainId(session, trustDomain)
    await session.commit()
    return id
  } catch (error) {
    await session.run('rollback').catch(() => session.destroy())
    throw error
  }
}

/** Null: there is nothing yet. Throws `store_damaged`. */
export async function versionOf(session: Session): Promise<number | null> {
  const [row] = await session.run(
    `select count(*) as tables, count(*) filter (where tablename in ('migrations', 'meta', 'trust_domains')) as ours
     from pg_tables where schemaname = '${SCHEMA}'`,
  )
  if (row!.tables === 0) return null
  if (row!.ours !== 3)
    throw new LanyardError('store_damaged', `expected the schema ${SCHEMA} to be Lanyard's, got other tables in it`)
  const [newest] = await session.run('select coalesce(max(id), 0) as id from migrations')
  return newest!.id as number
}

async function createMigrations(session: Session): Promise<void> {
  const { types: t, tableEnd } = postgresDialect
  await session.run(`create schema if not exists ${SCHEMA}`)
  await session.run(
    `create table migrations (id ${t.int} primary key, name ${t.text} not null, at ${t.int} not null)${tableEnd()}`,
  )
}

async function requireTrustDomain(session: Session, expected: string): Promise<void> {
  const rows = await session.run('select name from trust_domains')
  const names = rows.map(({ name }) => String(name))
  if (names.length === 1 && names[0] === expected) return
  throw new LanyardError('store_foreign', `expected the trust domain ${expected}, got ${names.join(', ')}`)
}

async function trustDomainId(session: Session, name: string): Promise<number> {
  await session.answer(
    parameterized(
      'insert into trust_domains (name) select $1 where not exists (select 1 from trust_domains where name = $1)',
      [name],
    ),
  )
  await session.run('insert into epoch (trust_domain, epoch) select id, 0 from trust_domains on conflict do nothing')
  await session.run(FIRST_REVISION)
  await session.run(FIRST_POLICY_REVISION)
  const rows = await session.answer(parameterized('select id from trust_domains where name = $1', [name], 'rows'))
  return (rows as { id: number }[])[0]!.id
}
