import type { AckRows, AckState } from '@lanyard/authority'
import type { AckTable } from '../schema.ts'
import type { RowContext } from './context.ts'

/** Acknowledgements that one look at an epoch reads at most: the first of each point lie at the front. */
const COVERING_MAX = 100_000

const ackOf = (row: AckTable): AckState => ({
  point: row.point,
  epoch: row.epoch,
  receivedAt: row.received_at,
  appliedAt: row.applied_at,
  cut: row.cut,
  lastAccept: row.last_accept,
  offsetMs: row.offset_ms,
  uncertaintyMs: row.uncertainty_ms,
  jws: row.jws,
})

export function ackRows({ statements }: RowContext): AckRows {
  const db = statements.kysely
  const insert = statements.prepareChange((a: AckState) =>
    db
      .insertInto('acks')
      .values({
        point: a.point,
        epoch: a.epoch,
        received_at: a.receivedAt,
        applied_at: a.appliedAt,
        cut: a.cut,
        last_accept: a.lastAccept,
        offset_ms: a.offsetMs,
        uncertainty_ms: a.uncertaintyMs,
        jws: a.jws,
      })
      .onConflict(conflict => conflict.columns(['point', 'epoch']).doNothing()),
  )
  const wanted = statements.prepareRows((a: { point: string; epoch: number }) =>
    db
      .selectFrom('incidents as i')
      .select('i.id')
      .where('i.state', '=', 'open')
      .where('i.epoch', '<=', a.epoch)
      .where('i.epoch', '>', ({ fn, lit, selectFrom }) =>
        fn.coalesce(
          selectFrom('acks as k')
            .select(eb => eb.fn.max('k.epoch').as('epoch'))
            .where('k.point', '=', a.point),
          lit(-1),
        ),
      )
      .limit(1),
  )
  const covering = statements.prepareRows((a: { epoch: number }) => {
    const front = db
      .selectFrom('acks')
      .select(['point', 'epoch'])
      .where('epoch', '>=', a.epoch)
      .orderBy('epoch')
      .orderBy('point')
      .limit(COVERING_MAX)
      .as('f')
    const first = db
      .selectFrom(front)
      .select(eb => ['f.point', eb.fn.min('f.epoch').as('epoch')])
      .groupBy('f.point')
      .as('n')
    return db
      .selectFrom(first)
      .innerJoin('acks as a', join => join.onRef('a.point', '=', 'n.point').onRef('a.epoch', '=', 'n.epoch'))
      .selectAll('a')
      .orderBy('a.point')
  })

  return {
    *insert(ack) {
      yield* insert(ack)
    },
    *wanted(point, epoch) {
      return (yield* wanted({ point, epoch })).length > 0
    },
    *covering(epoch) {
      return (yield* covering({ epoch })).map(ackOf)
    },
  }
}
