import type { EpochRows } from '@lanyard/authority'
import { sql } from 'kysely'
import type { RowContext } from './context.ts'

/** Where a database that can tells every new epoch to whoever listens, as a decimal number. */
export const EPOCH_CHANNEL = 'lanyard_kill_switch'

export function epochRows({ statements, trustDomain }: RowContext): EpochRows {
  const db = statements.kysely
  const current = statements.prepareRows(() =>
    db.selectFrom('epoch').select('epoch').where('trust_domain', '=', trustDomain),
  )
  const bump = statements.prepareChangedRows(() =>
    db
      .updateTable('epoch')
      .set(eb => ({ epoch: eb('epoch', '+', 1) }))
      .where('trust_domain', '=', trustDomain)
      .returning('epoch')
      // Part of the transaction, so that the news cannot be lost with whoever commits it.
      .$if(statements.dialect.notifies, q =>
        q.returning(eb => eb.fn('pg_notify', [sql.lit(EPOCH_CHANNEL), eb.cast('epoch', 'text')]).as('told')),
      ),
  )
  return {
    *current() {
      return (yield* current({}))[0]!.epoch
    },
    *bump() {
      return (yield* bump({}))[0]!.epoch
    },
  }
}
