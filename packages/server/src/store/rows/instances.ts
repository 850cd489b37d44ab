import type { InstanceRows, InstanceState } from '@lanyard/authority'
import type { Selectable } from 'kysely'
import type { KeyPurpose } from '../../keys/key-manager.ts'
import { hexOf } from '../encoding.ts'
import type { InstanceTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { requireOne } from './page.ts'

const COLUMNS = ['uuid', 'created_at', 'seen_at', 'evicted_at'] as const

type InstanceRow = Pick<Selectable<InstanceTable>, (typeof COLUMNS)[number]>

const instanceOf = (row: InstanceRow): InstanceState => ({
  instance: row.uuid,
  createdAt: row.created_at,
  seenAt: row.seen_at,
  evictedAt: row.evicted_at,
})

/** Purposes of keys that others go by: they sign certificates of others, or say who is dead. */
const ISSUING = ['x509-agents', 'x509-service', 'feed'] as const satisfies readonly KeyPurpose[]

export function instanceRows({ statements }: RowContext): InstanceRows {
  const db = statements.kysely
  const instances = db.selectFrom('instances').select(COLUMNS).where('writer_of', 'is', null)
  const list = statements.prepareRows(() => instances.orderBy('id'))
  const find = statements.prepareRows((a: { uuid: string }) => instances.where('uuid', '=', a.uuid))
  const seen = statements.prepareChange((a: { uuid: string; at: number }) =>
    db.updateTable('instances').set({ seen_at: a.at }).where('uuid', '=', a.uuid),
  )
  // The first eviction stays.
  const evict = statements.prepareChange((a: { uuid: string; at: number }) =>
    db
      .updateTable('instances')
      .set(eb => ({ evicted_at: eb.fn.coalesce('evicted_at', eb.val(a.at)) }))
      .where('uuid', '=', a.uuid),
  )
  const issuers = statements.prepareRows((a: { uuid: string; since: number }) =>
    db
      .selectFrom('authorities')
      .select('key_id')
      .where('instance', '=', a.uuid)
      .where('purpose', 'in', ISSUING)
      .where('not_after', '>', a.since)
      .orderBy('created_at')
      .orderBy('key_id'),
  )

  return {
    *list() {
      return (yield* list({})).map(instanceOf)
    },
    *find(instance) {
      const [row] = yield* find({ uuid: instance })
      return row && instanceOf(row)
    },
    *seen(instance, at) {
      requireOne(yield* seen({ uuid: instance, at }), 'instance')
    },
    *evict(instance, at) {
      requireOne(yield* evict({ uuid: instance, at }), 'instance')
    },
    *issuers(instance, now) {
      // The second in which a certificate ends still counts.
      return (yield* issuers({ uuid: instance, since: now - 1000 })).map(row => hexOf(row.key_id))
    },
  }
}
