import { LIFETIME, type Step } from '@lanyard/authority'
import { sql } from 'kysely'
import { bytesOfHex } from '../encoding.ts'
import { type CertificateRow, plainCertificates, withNames } from './certificate-row.ts'
import type { RowContext } from './context.ts'
import { EXAMINED_MAX } from './page.ts'

/** What a list may ask for; the names of certificates and of their events together. */
export interface CertificateCriteria {
  readonly tenant?: string | undefined
  readonly agent?: string | undefined
  readonly serial?: string | undefined
  readonly alive?: boolean | undefined
  /** For `alive`, Unix milliseconds. */
  readonly now?: number
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** A place in a list that is ordered by time, newest first, and then by place. */
export interface TimePlace {
  readonly at: number
  readonly place: number
}

export interface ListedCertificates {
  readonly rows: readonly CertificateRow[]
  /** Where looking ended, if there may be more behind it. */
  readonly floor: TimePlace | null
}

/** Every certificate that is alive was issued at most this many milliseconds ago. */
export const LONGEST_LIFE_MS = Math.max(...Object.values(LIFETIME)) * 1000

/** Up to `limit` rows before `before`, newest first. */
export function* listCertificates(
  context: RowContext,
  criteria: CertificateCriteria,
  before: TimePlace | null,
  limit: number,
): Step<ListedCertificates> {
  const floor = criteria.alive === undefined ? null : yield* lastExamined(context, criteria, before)
  const rows = yield* context.statements.query(
    withNames(walk(context, criteria, before))
      .$if(floor !== null, q =>
        q.where(eb => eb(eb.refTuple('c.issued_at', 'c.place'), '>=', eb.tuple(floor!.at, floor!.place))),
      )
      .$call(q => ofLiveness(q, criteria))
      .limit(limit),
  )
  return { rows, floor }
}

function* lastExamined(
  context: RowContext,
  criteria: CertificateCriteria,
  before: TimePlace | null,
): Step<TimePlace | null> {
  const [last] = yield* context.statements.query(
    walk(context, criteria, before)
      .select(['c.issued_at as at', 'c.place'])
      .offset(EXAMINED_MAX - 1)
      .limit(1),
  )
  return last ?? null
}

// What an index can follow, in its order.
function walk({ statements }: RowContext, criteria: CertificateCriteria, before: TimePlace | null) {
  const { tenant, agent, serial, alive, now = 0, since, until } = criteria
  const db = statements.kysely
  const agents = db
    .selectFrom('agents as w')
    .innerJoin('tenants as v', 'v.id', 'w.tenant_id')
    .where('w.agent', '=', agent ?? '')
    .$if(tenant !== undefined, q => q.where('v.tenant', '=', tenant!))
  return plainCertificates(statements)
    .$if(tenant !== undefined, q =>
      q.where('c.tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', tenant!)),
    )
    .$if(agent !== undefined && tenant !== undefined, q => q.where('c.agent_id', '=', agents.select('w.id')))
    .$if(agent !== undefined && tenant === undefined, q =>
      q.where(eb =>
        eb(
          eb.refTuple('c.tenant_id', 'c.agent_id'),
          'in',
          agents.select(['w.tenant_id', 'w.id']).$asTuple('tenant_id', 'id'),
        ),
      ),
    )
    .$if(serial !== undefined, q => q.where('c.serial', '=', bytesOfHex(serial!)))
    .$if(since !== undefined, q => q.where('c.issued_at', '>=', since!))
    .$if(until !== undefined, q => q.where('c.issued_at', '<', until!))
    .$if(alive === true, q => q.where('c.issued_at', '>=', now - LONGEST_LIFE_MS))
    .$if(before !== null, q =>
      q.where(eb => eb(eb.refTuple('c.issued_at', 'c.place'), '<', eb.tuple(before!.at, before!.place))),
    )
    .orderBy('c.issued_at', 'desc')
    .orderBy('c.place', 'desc')
}

type Named = ReturnType<typeof withNames>

function ofLiveness(query: Named, { alive, now = 0 }: CertificateCriteria): Named {
  if (alive === undefined) return query
  const second = Math.floor(now / 1000)
  const lives = sql<boolean>`(c.not_after >= ${second} and c.revoked_at is null and c.incarnation > a.dead_through)`
  return alive ? query.where(lives) : query.where(eb => eb.not(lives))
}
