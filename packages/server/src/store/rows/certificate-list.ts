import type { Step } from '@lanyard/authority'
import { LIFETIME } from '@lanyard/authority'
import { bytesOfHex } from '../encoding.ts'
import { type CertificateRow, certificatesOf } from './certificate-row.ts'
import type { RowContext } from './context.ts'

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

/** Every certificate that is alive was issued at most this many milliseconds ago. */
const LONGEST_LIFE_MS = Math.max(...Object.values(LIFETIME)) * 1000

/** Up to `limit` rows before `before`, newest first. */
export function* listCertificates(
  { statements }: RowContext,
  criteria: CertificateCriteria,
  before: TimePlace | null,
  limit: number,
): Step<readonly CertificateRow[]> {
  const { tenant, agent, serial, alive, now = 0, since, until } = criteria
  const db = statements.kysely
  const second = Math.floor(now / 1000)
  return yield* statements.query(
    certificatesOf(statements)
      // By number, so that the index of the tenant or the agent gives the order too.
      .$if(tenant !== undefined, q =>
        q.where('c.tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', tenant!)),
      )
      .$if(agent !== undefined && tenant !== undefined, q => q.where('c.agent_id', '=', agentId(tenant!, agent!)))
      .$if(agent !== undefined && tenant === undefined, q => q.where('a.agent', '=', agent!))
      .$if(serial !== undefined, q => q.where('c.serial', '=', bytesOfHex(serial!)))
      .$if(since !== undefined, q => q.where('c.issued_at', '>=', since!))
      .$if(until !== undefined, q => q.where('c.issued_at', '<', until!))
      .$if(alive === true, q =>
        q
          .where('c.issued_at', '>=', now - LONGEST_LIFE_MS)
          .where('c.not_after', '>=', second)
          .where('c.revoked_at', 'is', null)
          .whereRef('c.incarnation', '>', 'a.dead_through'),
      )
      .$if(alive === false, q =>
        q.where(eb =>
          eb.or([
            eb('c.not_after', '<', second),
            eb('c.revoked_at', 'is not', null),
            eb('c.incarnation', '<=', eb.ref('a.dead_through')),
          ]),
        ),
      )
      .$if(before !== null, q =>
        q.where(eb => eb(eb.refTuple('c.issued_at', 'c.place'), '<', eb.tuple(before!.at, before!.place))),
      )
      .orderBy('c.issued_at', 'desc')
      .orderBy('c.place', 'desc')
      .limit(limit),
  )

  function agentId(ofTenant: string, name: string) {
    return db
      .selectFrom('agents as w')
      .innerJoin('tenants as v', 'v.id', 'w.tenant_id')
      .select('w.id')
      .where('v.tenant', '=', ofTenant)
      .where('w.agent', '=', name)
  }
}
