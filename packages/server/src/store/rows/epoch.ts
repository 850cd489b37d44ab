import type { EpochRows } from '@lanyard/authority'
import type { RowContext } from './context.ts'

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
      .returning('epoch'),
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
