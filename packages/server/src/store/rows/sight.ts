import { type RawBuilder, sql } from 'kysely'
import type { SightRows } from '../ports.ts'
import type { RowContext } from './context.ts'

/**
 * Where a PostgreSQL stands: its cluster, the database within, and the timeline, which begins anew with each promotion and
 * each restoration to a point in time. Null on a replica, which shows what the primary had a while ago.
 */
const POSTGRES_PLACE = sql<string | null>`case when pg_is_in_recovery() then null else
  (select system_identifier::text from pg_control_system())
  || '/' || (select oid::text from pg_database where datname = current_database())
  || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end`

/** A file has one place. Whether it was put back says a mark beside it. */
const FILE_PLACE: RawBuilder<string | null> = sql.lit('file')

export function sightRows({ statements, trustDomain }: RowContext): SightRows {
  const place = statements.dialect.notifies ? POSTGRES_PLACE : FILE_PLACE
  const look = statements.prepareRows(() =>
    statements.kysely
      .selectFrom('epoch')
      .select('epoch')
      .select(place.as('place'))
      .where('trust_domain', '=', trustDomain),
  )
  return {
    *look() {
      return (yield* look({}))[0]!
    },
  }
}
