import type { AgentRows } from '@lanyard/authority'
import { sql } from 'kysely'
import { AGENT_COLUMNS, agentOf } from './agents.ts'
import type { RowContext } from './context.ts'

/** What concerns all agents of a tenant at once. */
export function agentsOfTenant({
  statements,
}: RowContext): Pick<AgentRows, 'quarantineAll' | 'reinstateAll' | 'holding'> {
  const db = statements.kysely
  const idOf = (a: { tenant: string }) => db.selectFrom('tenants').select('id').where('tenant', '=', a.tenant)

  const quarantineAll = statements.prepareChange((a: { tenant: string; at: number }) =>
    db
      .updateTable('agents')
      .set(eb => ({
        lifecycle: 'quarantined',
        // The greatest that it can be: no agent is dead beyond its incarnation.
        dead_through: eb.ref('incarnation'),
        killed_with_tenant: a.at,
        updated_at: a.at,
      }))
      .where('tenant_id', '=', idOf(a))
      .where('lifecycle', 'not in', ['quarantined', 'retired']),
  )
  // One that was killed by itself since then has a later death of its own, and stays where it is.
  const reinstateAll = statements.prepareChange((a: { tenant: string; killedAt: number; at: number }) =>
    db
      .updateTable('agents')
      .set(eb => ({ lifecycle: 'pending', incarnation: eb('incarnation', '+', sql.lit(1)), updated_at: a.at }))
      .where('tenant_id', '=', idOf(a))
      .where('lifecycle', '=', 'quarantined')
      .where('killed_with_tenant', '=', a.killedAt)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('deaths as d')
              .select('d.at')
              .where('d.kind', '=', 'agent')
              .whereRef('d.value', '=', 'agents.spiffe_id')
              .where('d.at', '>', a.killedAt),
          ),
        ),
      ),
  )
  const holding = statements.prepareRows((a: { tenant: string }) =>
    db
      .selectFrom('agents as a')
      .innerJoin('tenants as t', 't.id', 'a.tenant_id')
      .select(AGENT_COLUMNS)
      .where('t.tenant', '=', a.tenant)
      .where('a.id', 'in', eb =>
        eb
          .selectFrom('lineages as l')
          .select('l.agent_id')
          .where('l.tenant_id', '=', idOf(a))
          .where('l.standing', '<>', sql.lit('ended')),
      )
      .orderBy('a.agent'),
  )

  return {
    *quarantineAll(tenant, at) {
      return yield* quarantineAll({ tenant, at })
    },
    *reinstateAll(tenant, killedAt, at) {
      return yield* reinstateAll({ tenant, killedAt, at })
    },
    *holding(tenant) {
      return (yield* holding({ tenant })).map(agentOf)
    },
  }
}
