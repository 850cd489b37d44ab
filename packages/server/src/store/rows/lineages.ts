import type { AgentKey, LineageRows, LineageStanding, LineageState, Subject } from '@lanyard/authority'
import { sql } from 'kysely'
import { bytesOfHex, bytesOfThumbprint, hexOf, thumbprintOf } from '../encoding.ts'
import { AGENT_COLUMNS, type AgentRow, agentOf } from './agents.ts'
import type { RowContext } from './context.ts'
import { requireOne } from './page.ts'
import { TENANT_COLUMNS, type TenantRow, tenantOf } from './tenants.ts'

/** Of `lineages as l`. */
export const LINEAGE_COLUMNS = [
  'l.id as l_id',
  'l.incarnation as l_incarnation',
  'l.opened_at',
  'l.ends_at',
  'l.minted_by',
  'l.jti',
  'l.jkt',
  'l.standing',
  'l.generation',
  'l.newest_key',
] as const

export interface LineageRow {
  l_id: Uint8Array
  l_incarnation: number
  opened_at: number
  ends_at: number
  minted_by: string
  jti: string
  jkt: string | null
  standing: string
  generation: number
  newest_key: Uint8Array | null
}

export const lineageOf = (row: LineageRow & AgentKey): LineageState => ({
  id: hexOf(row.l_id),
  tenant: row.tenant,
  agent: row.agent,
  incarnation: row.l_incarnation,
  openedAt: row.opened_at,
  endsAt: row.ends_at,
  mintedBy: row.minted_by,
  jti: row.jti,
  jkt: row.jkt,
  standing: row.standing as LineageStanding,
  generation: row.generation,
  newestKey: row.newest_key && thumbprintOf(row.newest_key),
})

const subjectOf = (row: LineageRow & AgentRow & TenantRow): Subject => ({
  tenant: tenantOf(row),
  agent: agentOf(row),
  lineage: lineageOf(row),
})

type Written = Omit<LineageState, 'id' | 'newestKey'> & { id: Uint8Array; newestKey: Uint8Array | null }

const keyBytes = (thumbprint: string | null) => (thumbprint === null ? null : bytesOfThumbprint(thumbprint))

/** Lineages one by one, and what ends many of them. */
export function lineageRows({ statements }: RowContext): Omit<LineageRows, 'linked' | 'ofAgent' | 'countInternal'> {
  const db = statements.kysely
  const agentOfKey = (key: AgentKey) =>
    db
      .selectFrom('agents as a')
      .innerJoin('tenants as t', 't.id', 'a.tenant_id')
      .where('t.tenant', '=', key.tenant)
      .where('a.agent', '=', key.agent)

  const subjects = db
    .selectFrom('lineages as l')
    .innerJoin('agents as a', 'a.id', 'l.agent_id')
    .innerJoin('tenants as t', 't.id', 'a.tenant_id')
    .select([...LINEAGE_COLUMNS, ...AGENT_COLUMNS, ...TENANT_COLUMNS])
  const subject = statements.prepareRows((a: { id: Uint8Array }) => subjects.where('l.id', '=', a.id))
  const claim = statements.prepareRows((a: { id: Uint8Array }) =>
    subjects.where('l.id', '=', a.id).$if(statements.dialect.rowLocks, q => q.forUpdate('l')),
  )
  const insert = statements.prepareChange((a: Written) =>
    db.insertInto('lineages').values({
      id: a.id,
      tenant_id: agentOfKey(a).select('t.id'),
      agent_id: agentOfKey(a).select('a.id'),
      incarnation: a.incarnation,
      opened_at: a.openedAt,
      ends_at: a.endsAt,
      minted_by: a.mintedBy,
      jti: a.jti,
      jkt: a.jkt,
      standing: a.standing,
      generation: a.generation,
      newest_key: a.newestKey,
    }),
  )
  const change = statements.prepareChange((a: Pick<Written, 'id' | 'standing' | 'generation' | 'newestKey'>) =>
    db
      .updateTable('lineages')
      .set({ standing: a.standing, generation: a.generation, newest_key: a.newestKey })
      .where('id', '=', a.id),
  )
  const ended = db.updateTable('lineages').set({ standing: 'ended' }).where('standing', '<>', sql.lit('ended'))
  const endAll = statements.prepareChange((a: AgentKey) =>
    ended.where('tenant_id', '=', agentOfKey(a).select('t.id')).where('agent_id', '=', agentOfKey(a).select('a.id')),
  )
  const endAllOf = statements.prepareChange((a: { tenant: string }) =>
    ended.where('tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', a.tenant)),
  )

  return {
    *subject(lineage) {
      const [row] = yield* subject({ id: bytesOfHex(lineage) })
      return row && subjectOf(row)
    },
    *claim(lineage) {
      const [row] = yield* claim({ id: bytesOfHex(lineage) })
      return row && subjectOf(row)
    },
    *insert(lineage) {
      const written = { ...lineage, id: bytesOfHex(lineage.id), newestKey: keyBytes(lineage.newestKey) }
      requireOne(yield* insert(written), 'lineage')
    },
    *change(id, { standing, generation, newestKey }) {
      const written = { id: bytesOfHex(id), standing, generation, newestKey: keyBytes(newestKey) }
      requireOne(yield* change(written), 'lineage')
    },
    *end(ids) {
      if (ids.length > 0) yield* statements.change(ended.where('id', 'in', ids.map(bytesOfHex)))
    },
    *endAll({ tenant, agent }) {
      yield* endAll({ tenant, agent })
    },
    *endAllOf(tenant) {
      yield* endAllOf({ tenant })
    },
  }
}
