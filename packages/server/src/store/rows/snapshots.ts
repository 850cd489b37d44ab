import type { SnapshotRows, SnapshotState } from '@lanyard/authority'
import type { RowContext } from './context.ts'

export function snapshotRows({ statements }: RowContext): SnapshotRows {
  const db = statements.kysely
  const find = statements.prepareRows((a: { incident: string }) =>
    db.selectFrom('snapshots').selectAll().where('incident', '=', a.incident),
  )
  const put = statements.prepareChange((a: SnapshotState) => {
    const columns = { taken_at: a.takenAt, kept_until: a.keptUntil, sealed: a.sealed }
    return db
      .insertInto('snapshots')
      .values({ incident: a.incident, ...columns })
      .onConflict(conflict => conflict.column('incident').doUpdateSet(columns))
  })
  return {
    *find(incident) {
      const [row] = yield* find({ incident })
      return row && { incident, takenAt: row.taken_at, keptUntil: row.kept_until, sealed: row.sealed }
    },
    *put(snapshot) {
      yield* put(snapshot)
    },
  }
}
