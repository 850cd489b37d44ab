import type { AgentKey, LineageRows } from '@lanyard/authority'
import { type SelectQueryBuilder, sql } from 'kysely'
import { bytesOfThumbprint } from '../encoding.ts'
import type { LineageTable, Schema } from '../schema.ts'
import { LONGEST_LIFE_MS } from './certificate-list.ts'
import type { RowContext } from './context.ts'
import { LINEAGE_COLUMNS, lineageOf } from './lineages.ts'

type By = Parameters<LineageRows['linked']>[0]
type Lineages = SelectQueryBuilder<Schema & { l: LineageTable }, 'l', object>

/** Those that are not over, with the names that their numbers stand for. */
const namedOf = (lineages: Lineages) =>
  lineages
    .innerJoin('agents as a', 'a.id', 'l.agent_id')
    .innerJoin('tenants as t', 't.id', 'l.tenant_id')
    .select([...LINEAGE_COLUMNS, 't.tenant', 'a.agent'])
    // Written out, as in the indexes: a database cannot know that an argument will say the same.
    .where('l.standing', '<>', sql.lit('ended'))

/** Lineages that are not over, by what they have in common. A kill follows these, so each walks an index of its own. */
export function lineageLinks({ statements }: RowContext): Pick<LineageRows, 'linked' | 'ofAgent' | 'countInternal'> {
  const db = statements.kysely
  const held = namedOf(db.selectFrom('lineages as l'))

  const ofAgent = statements.prepareRows((a: AgentKey & { limit: number }) => {
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
      .limit(a.limit)
  })

  const countInternal = statements.prepareRows((a: { tenant: string; at: number }) =>
    internalTo(a.tenant)
      .where('l.ends_at', '>', a.at)
      .select(eb => eb.fn.countAll<number>().as('count')),
  )

  return {
    *countInternal(tenant, at) {
      return (yield* countInternal({ tenant, at }))[0]!.count
    },
    *ofAgent({ tenant, agent }, limit = Number.MAX_SAFE_INTEGER) {
      return (yield* ofAgent({ tenant, agent, limit })).map(lineageOf)
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

  function linkedBy(by: By) {
    if ('mintedBy' in by) return held.where('l.minted_by', '=', by.mintedBy)
    if ('internalTo' in by) return namedOf(internalTo(by.internalTo))
    // A cross join, since SQLite keeps its order: from what was found, not from all that the tenant holds.
    return namedOf(db.selectFrom(foundBy(by).as('f')).crossJoin('lineages as l').whereRef('l.no', '=', 'f.no'))
  }

  // What a provider vouched for names it as its minter; whatever else there is began with us.
  function internalTo(tenant: string) {
    return db
      .selectFrom('lineages as l')
      .where('l.tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', tenant))
      .where('l.standing', '<>', sql.lit('ended'))
      .where('l.minted_by', 'not like', sql.lit('idp:%'))
  }

  function foundBy(by: Exclude<By, { mintedBy: string } | { internalTo: string }>) {
    if ('keyThumbprint' in by) return by.bound ? withKey(by.keyThumbprint) : certifiedWith(by.keyThumbprint)
    return 'source' in by ? fromSource(by) : openedBy(by)
  }

  function openedBy({ jti }: { jti: string }) {
    return db
      .selectFrom('lineages as b')
      .select('b.no')
      .where('b.jti', '=', jti)
      .where('b.standing', '<>', sql.lit('ended'))
  }

  // Whatever the generation.
  function certifiedWith(thumbprint: string) {
    const key = bytesOfThumbprint(thumbprint)
    return db
      .selectFrom('certificates as c')
      .select('c.lineage_no as no')
      .where(sql<boolean>`substr(c.key_thumbprint, 1, 6) = ${key.subarray(0, 6)}`)
      .where('c.key_thumbprint', '=', key)
  }

  // And those whose token is bound to the key and not yet used.
  function withKey(thumbprint: string) {
    return certifiedWith(thumbprint).union(
      db
        .selectFrom('lineages as b')
        .select('b.no')
        .where('b.jkt', '=', thumbprint)
        .where('b.standing', '<>', sql.lit('ended')),
    )
  }

  function fromSource({ source, now }: { source: string; now: number }) {
    return db
      .selectFrom('certificates as c')
      .select('c.lineage_no as no')
      .distinct()
      .where('c.source', '=', source)
      .where('c.issued_at', '>=', now - LONGEST_LIFE_MS)
      .where('c.not_after', '>=', Math.floor(now / 1000))
      .where('c.revoked_at', 'is', null)
  }
}
