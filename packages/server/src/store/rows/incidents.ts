import type { KillScope, StepName } from '@lanyard/api'
import type { IncidentHead, IncidentRows, IncidentState, KillTarget } from '@lanyard/authority'
import { bytesOfHex, cursorInvalid, hexOf } from '../encoding.ts'
import type { IncidentTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

/** Of `incidents as i`, without what may be long. */
const HEAD_COLUMNS = [
  'i.id',
  'i.tenant',
  'i.target',
  'i.scope',
  'i.reason',
  'i.opened_by',
  'i.asked',
  'i.at',
  'i.committed_at',
  'i.epoch',
  'i.state',
  'i.closed_at',
  'i.ttl_until',
  'i.revoked',
  'i.unguarded_until',
] as const

const headOf = (row: Omit<IncidentTable, 'taken' | 'evidence' | 'receipt'>): IncidentHead => ({
  id: row.id,
  tenant: row.tenant,
  target: JSON.parse(row.target) as KillTarget,
  scope: row.scope as KillScope,
  reason: row.reason,
  openedBy: row.opened_by,
  asked: hexOf(row.asked),
  at: row.at,
  committedAt: row.committed_at,
  epoch: row.epoch,
  state: row.state as IncidentState['state'],
  closedAt: row.closed_at,
  ttlUntil: row.ttl_until,
  revoked: row.revoked,
  unguardedUntil: row.unguarded_until,
})

export const incidentOf = (row: IncidentTable): IncidentState => ({
  ...headOf(row),
  taken: JSON.parse(row.taken) as IncidentState['taken'],
  evidence: row.evidence === null ? null : (JSON.parse(row.evidence) as IncidentState['evidence']),
  receipt: row.receipt,
})

export function incidentRows(
  context: RowContext,
): Pick<IncidentRows, 'find' | 'insert' | 'change' | 'list' | 'lapsed' | 'lapseAt'> {
  const { statements } = context
  const db = statements.kysely
  const find = statements.prepareRows((a: { id: string }) =>
    db.selectFrom('incidents').selectAll().where('id', '=', a.id),
  )
  const lapsed = statements.prepareRows((a: { now: number; limit: number }) =>
    db
      .selectFrom('incidents')
      .selectAll()
      .where('ttl_until', 'is not', null)
      .where('ttl_until', '<=', a.now)
      .orderBy('ttl_until')
      .limit(a.limit),
  )
  const lapseAt = statements.prepareRows((a: { epoch: number }) =>
    db
      .selectFrom('incidents')
      .select('ttl_until')
      // Both, so that the index of epochs is of use.
      .where('state', 'in', ['open', 'closed'])
      .where('epoch', '=', a.epoch),
  )
  const insert = insertion(context)

  return {
    insert,
    *find(id) {
      const [row] = yield* find({ id })
      return row && incidentOf(row)
    },
    *change(id, change) {
      const columns = columnsOf(change)
      if (Object.keys(columns).length === 0) return
      requireOne(yield* statements.change(db.updateTable('incidents').set(columns).where('id', '=', id)), 'incident')
    },
    *list({ tenant, state }, page) {
      const after = page.after === null ? null : placeOfCursor(page.after)
      const rows = yield* statements.query(
        db
          .selectFrom('incidents as i')
          .select(HEAD_COLUMNS)
          .$if(tenant !== undefined, q => q.where('i.tenant', '=', tenant!))
          .$if(state !== undefined, q => q.where('i.state', '=', state!))
          .$if(after !== null, q => q.where(eb => eb(eb.refTuple('i.at', 'i.id'), '<', eb.tuple(after!.at, after!.id))))
          .orderBy('i.at', 'desc')
          .orderBy('i.id', 'desc')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(headOf), page, ({ at, id }) => `${at}.${id}`)
    },
    *lapseAt(epoch) {
      return (yield* lapseAt({ epoch }))[0]?.ttl_until ?? null
    },
    *lapsed(now, limit) {
      return (yield* lapsed({ now, limit })).map(incidentOf)
    },
  }
}

function insertion({ statements }: RowContext): IncidentRows['insert'] {
  const db = statements.kysely
  const insert = statements.prepareChange((a: IncidentTable) =>
    db.insertInto('incidents').values({
      id: a.id,
      tenant: a.tenant,
      target: a.target,
      scope: a.scope,
      reason: a.reason,
      opened_by: a.opened_by,
      asked: a.asked,
      at: a.at,
      committed_at: a.committed_at,
      epoch: a.epoch,
      state: a.state,
      closed_at: a.closed_at,
      ttl_until: a.ttl_until,
      revoked: a.revoked,
      unguarded_until: a.unguarded_until,
      taken: a.taken,
      evidence: a.evidence,
      receipt: a.receipt,
    }),
  )
  const insertStep = statements.prepareChange((a: { incident: string; step: StepName; openedAt: number }) =>
    db.insertInto('incident_steps').values({
      incident: a.incident,
      step: a.step,
      opened_at: a.openedAt,
      state: 'waiting',
      claimed_by: null,
      claimed_until: 0,
      done_at: null,
      detail: '{}',
    }),
  )
  return function* (incident, steps) {
    requireOne(yield* insert(rowOf(incident)), 'incident')
    for (const step of steps) yield* insertStep({ incident: incident.id, step, openedAt: incident.at })
  }
}

const rowOf = (incident: IncidentState): IncidentTable => ({
  id: incident.id,
  tenant: incident.tenant,
  target: JSON.stringify(incident.target),
  scope: incident.scope,
  reason: incident.reason,
  opened_by: incident.openedBy,
  asked: bytesOfHex(incident.asked),
  at: incident.at,
  committed_at: incident.committedAt,
  epoch: incident.epoch,
  state: incident.state,
  closed_at: incident.closedAt,
  ttl_until: incident.ttlUntil,
  revoked: incident.revoked,
  unguarded_until: incident.unguardedUntil,
  taken: JSON.stringify(incident.taken),
  evidence: jsonOf(incident.evidence),
  receipt: incident.receipt,
})

const jsonOf = (value: object | null): string | null => (value === null ? null : JSON.stringify(value))

type Change = Parameters<IncidentRows['change']>[1]

// What the change does not name stays.
function columnsOf(change: Change): Partial<IncidentTable> {
  return {
    ...(change.committedAt !== undefined && { committed_at: change.committedAt }),
    ...(change.state !== undefined && { state: change.state }),
    ...(change.closedAt !== undefined && { closed_at: change.closedAt }),
    ...(change.ttlUntil !== undefined && { ttl_until: change.ttlUntil }),
    ...(change.receipt !== undefined && { receipt: change.receipt }),
    ...(change.evidence !== undefined && { evidence: jsonOf(change.evidence) }),
  }
}

function placeOfCursor(after: string): { at: number; id: string } {
  const match = /^(\d{1,16})\.(.+)$/.exec(after)
  if (!match) throw cursorInvalid()
  return { at: Number(match[1]), id: match[2]! }
}
