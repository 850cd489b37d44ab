import type { AgentKey, SecretRows, SecretState } from '@lanyard/authority'
import { sql } from 'kysely'
import type { AgentSecretTable } from '../access-tables.ts'
import type { RowContext } from './context.ts'
import { requireOne } from './page.ts'

type SecretRow = AgentSecretTable & AgentKey

const secretOf = (row: SecretRow): SecretState => ({
  id: row.id,
  tenant: row.tenant,
  agent: row.agent,
  hash: row.hash,
  incarnation: row.incarnation,
  standing: row.standing as SecretState['standing'],
  createdBy: row.created_by,
  createdAt: row.created_at,
  endedAt: row.ended_at,
})

export function agentSecretRows({ statements }: RowContext): SecretRows {
  const db = statements.kysely
  const agentOfKey = (key: AgentKey) =>
    db
      .selectFrom('agents as w')
      .innerJoin('tenants as v', 'v.id', 'w.tenant_id')
      .where('v.tenant', '=', key.tenant)
      .where('w.agent', '=', key.agent)
  const secrets = db
    .selectFrom('agent_secrets as s')
    .innerJoin('agents as a', 'a.id', 's.agent_id')
    .innerJoin('tenants as t', 't.id', 's.tenant_id')
    .selectAll('s')
    .select(['t.tenant', 'a.agent'])
  const find = statements.prepareRows((a: { id: string }) => secrets.where('s.id', '=', a.id))
  const claim = statements.prepareRows((a: { id: string }) =>
    secrets.where('s.id', '=', a.id).$if(statements.dialect.rowLocks, q => q.forUpdate('s')),
  )
  const ofAgent = secrets.orderBy('s.created_at', 'desc').orderBy('s.id')
  const current = statements.prepareRows((a: AgentKey) =>
    // Written out, as in the index: a database cannot know that an argument will say the same.
    secrets.where('s.standing', '=', sql.lit('current')).where('s.agent_id', '=', agentOfKey(a).select('w.id')),
  )
  const all = statements.prepareRows((a: AgentKey) => ofAgent.where('s.agent_id', '=', agentOfKey(a).select('w.id')))
  const madeBy = statements.prepareRows((a: { maker: string }) => secrets.where('s.created_by', '=', a.maker))
  const insert = statements.prepareChange((a: SecretState) =>
    db.insertInto('agent_secrets').values({
      id: a.id,
      tenant_id: agentOfKey(a).select('v.id'),
      agent_id: agentOfKey(a).select('w.id'),
      hash: a.hash,
      incarnation: a.incarnation,
      standing: a.standing,
      created_by: a.createdBy,
      created_at: a.createdAt,
      ended_at: a.endedAt,
    }),
  )
  const end = statements.prepareChange((a: { id: string; standing: string; at: number }) =>
    db
      .updateTable('agent_secrets')
      .set({ standing: a.standing, ended_at: a.at })
      .where('id', '=', a.id)
      .where('standing', '=', sql.lit('current')),
  )
  const forget = statements.prepareChange((a: AgentKey & { keep: number }) =>
    db
      .deleteFrom('agent_secrets')
      .where('id', 'in', eb =>
        eb
          .selectFrom('agent_secrets as s')
          .select('s.id')
          .where('s.agent_id', '=', agentOfKey(a).select('w.id'))
          .where('s.ended_at', 'is not', null)
          .orderBy('s.created_at', 'desc')
          .orderBy('s.id')
          .limit(1000)
          .offset(a.keep),
      ),
  )
  const first = (rows: readonly SecretRow[]) => rows[0] && secretOf(rows[0])

  return {
    *find(id) {
      return first(yield* find({ id }))
    },
    *claim(id) {
      return first(yield* claim({ id }))
    },
    *current({ tenant, agent }) {
      return first(yield* current({ tenant, agent }))
    },
    *madeBy(maker) {
      return (yield* madeBy({ maker })).map(secretOf)
    },
    *insert(secret) {
      requireOne(yield* insert(secret), 'secret of an agent')
    },
    *end(id, standing, at) {
      requireOne(yield* end({ id, standing, at }), 'current secret of an agent')
    },
    *forget({ tenant, agent }, keep) {
      yield* forget({ tenant, agent, keep })
    },
    *ofAgent({ tenant, agent }) {
      return (yield* all({ tenant, agent })).map(secretOf)
    },
  }
}
