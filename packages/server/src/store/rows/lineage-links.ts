import type { AgentKey, LineageRows } from '@lanyard/authority'
import { sql } from 'kysely'
import { bytesOfThumbprint } from '../encoding.ts'
import { LONGEST_LIFE_MS } from './certificate-list.ts'
import type { RowContext } from './context.ts'
import { LINEAGE_COLUMNS, lineageOf } from './lineages.ts'

/** Lineages that are not over, by what they have in common. A kill follows these, so each walks an index of its own. */
export function lineageLinks({ statements }: RowContext): Pick<LineageRows, 'linked' | 'ofAgent'> {
  const db = statements.kysely
  const held = db
    .selectFrom('lineages as l')
    .innerJoin('agents as a', 'a.id', 'l.agent_id')
    .innerJoin('tenants as t', 't.id', 'l.tenant_id')
    .select([...LINEAGE_COLUMNS, 't.tenant', 'a.agent'])
    // Written out, as in the indexes: a database cannot know that an argument will say the same.
    .where('l.standing', '<>', sql.lit('ended'))

  const ofAgent = statements.prepareRows((a: AgentKey) => {
    const agent = db
      .selectFrom('agents as w')
      .innerJoin('tenants as v', 'v.id', 'w.tenant_id')
      .where('v.tenant', '=', a.tenant)
      .where('w.agent', '=', a.agent)
    return held
      .where('l.tenant_id', '=', agent.select('v.id'))
      .where('l.agent_id', '=', agent.select('w.id'))
      .orderBy('l.opened_at', 'desc')
      .orderBy('l.no', 'desc')
  })

  return {
    *ofAgent({ tenant, agent }) {
      return (yield* ofAgent({ tenant, agent })).map(lineageOf)
    },
    *linked(by, tenant, limit) {
      const rows = yield* statements.query(
        linkedBy(by)
          .$if(tenant !== null, q => q.where('t.tenant', '=', tenant!))
          .orderBy('l.opened_at')
          .orderBy('l.no')
          .limit(limit),
      )
      return rows.map(lineageOf)
    },
  }

  function linkedBy(by: Parameters<LineageRows['linked']>[0]) {
    if ('mintedBy' in by) return held.where('l.minted_by', '=', by.mintedBy)
    if ('jti' in by) return held.where('l.jti', '=', by.jti)
    if ('keyThumbprint' in by) return held.where('l.no', 'in', numbersByKey(by.keyThumbprint))
    return held.where('l.no', 'in', numbersBySource(by))
  }

  // Whatever the generation, and those whose token is bound to the key and not yet used.
  function numbersByKey(thumbprint: string) {
    return db
      .selectFrom('certificates as c')
      .select('c.lineage_no as no')
      .where('c.key_thumbprint', '=', bytesOfThumbprint(thumbprint))
      .union(
        db
          .selectFrom('lineages as b')
          .select('b.no')
          .where('b.jkt', '=', thumbprint)
          .where('b.standing', '<>', sql.lit('ended')),
      )
  }

  function numbersBySource({ source, now }: { source: string; now: number }) {
    return db
      .selectFrom('certificates as c')
      .select('c.lineage_no')
      .where('c.source', '=', source)
      .where('c.issued_at', '>=', now - LONGEST_LIFE_MS)
      .where('c.not_after', '>=', Math.floor(now / 1000))
      .where('c.revoked_at', 'is', null)
  }
}
