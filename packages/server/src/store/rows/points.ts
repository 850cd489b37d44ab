import type { PointMode } from '@lanyard/api'
import type { AgentKey, PointRows, PointState } from '@lanyard/authority'
import type { PointTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

type PointRow = PointTable & { tenant: string; agent: string; spiffe_id: string }

const pointOf = (row: PointRow): PointState => ({
  point: row.point,
  tenant: row.tenant,
  agent: row.agent,
  spiffeId: row.spiffe_id,
  name: row.name,
  mode: row.mode as PointMode,
  budgetMs: row.budget_ms,
  graceMs: row.grace_ms,
  enrolledAt: row.enrolled_at,
  leasedUntil: row.leased_until,
  epoch: row.epoch,
  asOf: row.as_of,
  offsetMs: row.offset_ms,
  uncertaintyMs: row.uncertainty_ms,
  sessions: row.sessions,
})

export function pointRows(context: RowContext): PointRows {
  const { statements } = context
  const points = statements.kysely
    .selectFrom('points as p')
    .innerJoin('agents as a', 'a.id', 'p.agent_id')
    .innerJoin('tenants as t', 't.id', 'p.tenant_id')
    .selectAll('p')
    .select(['t.tenant', 'a.agent', 'a.spiffe_id'])
  const find = statements.prepareRows((a: { point: string }) => points.where('p.point', '=', a.point))
  const leasedAt = statements.prepareRows((a: { at: number }) =>
    points.where('p.leased_until', '>=', a.at).where('p.enrolled_at', '<=', a.at),
  )
  const unheard = statements.prepareRows((a: { at: number; epoch: number; limit: number }) =>
    points
      .where('p.leased_until', '>=', a.at)
      .where('p.enrolled_at', '<=', a.at)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('acks as k')
              .select('k.epoch')
              .whereRef('k.point', '=', 'p.point')
              .where('k.epoch', '>=', a.epoch),
          ),
        ),
      )
      .limit(a.limit),
  )
  const leasesOf = (whose: 'agent' | 'tenant') =>
    statements.prepareRows((a: AgentKey & { at: number }) => {
      const tenant = statements.kysely.selectFrom('tenants as t').where('t.tenant', '=', a.tenant)
      const agent = tenant.innerJoin('agents as a', 'a.tenant_id', 't.id').where('a.agent', '=', a.agent)
      return statements.kysely
        .selectFrom('points as p')
        .select(eb => eb.fn.countAll<number>().as('count'))
        .where('p.tenant_id', '=', tenant.select('t.id'))
        .$if(whose === 'agent', q => q.where('p.agent_id', '=', agent.select('a.id')))
        .where('p.leased_until', '>=', a.at)
    })
  const leases = { agent: leasesOf('agent'), tenant: leasesOf('tenant') }
  const put = enrolment(context)

  return {
    *find(point) {
      const [row] = yield* find({ point })
      return row && pointOf(row)
    },
    *put(point) {
      requireOne(yield* put(point), 'enforcement point')
    },
    *leasedAt(at) {
      return (yield* leasedAt({ at })).map(pointOf).sort((a, b) => (a.point < b.point ? -1 : 1))
    },
    *unheard(at, epoch, limit) {
      return (yield* unheard({ at, epoch, limit })).map(pointOf)
    },
    *leases({ tenant, agent }, at) {
      const asked = { tenant, agent, at }
      const [ofAgent, ofTenant] = [yield* leases.agent(asked), yield* leases.tenant(asked)]
      return { ofAgent: ofAgent[0]!.count, ofTenant: ofTenant[0]!.count }
    },
    *list({ tenant, since }, page) {
      const rows = yield* statements.query(
        points
          .where('p.leased_until', '>=', since)
          .$if(tenant !== undefined, q =>
            q.where('p.tenant_id', '=', eb => eb.selectFrom('tenants').select('id').where('tenant', '=', tenant!)),
          )
          .$if(page.after !== null, q => q.where('p.point', '>', page.after!))
          .orderBy('p.point')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(pointOf), page, ({ point }) => point)
    },
  }
}

function enrolment({ statements }: RowContext) {
  const db = statements.kysely
  return statements.prepareChange((a: PointState) => {
    const agent = db
      .selectFrom('agents as a')
      .innerJoin('tenants as t', 't.id', 'a.tenant_id')
      .where('t.tenant', '=', a.tenant)
      .where('a.agent', '=', a.agent)
    const columns = {
      tenant_id: agent.select('t.id'),
      agent_id: agent.select('a.id'),
      name: a.name,
      mode: a.mode,
      budget_ms: a.budgetMs,
      grace_ms: a.graceMs,
      enrolled_at: a.enrolledAt,
      leased_until: a.leasedUntil,
      epoch: a.epoch,
      as_of: a.asOf,
      offset_ms: a.offsetMs,
      uncertainty_ms: a.uncertaintyMs,
      sessions: a.sessions,
    }
    return db
      .insertInto('points')
      .values({ point: a.point, ...columns })
      .onConflict(conflict => conflict.column('point').doUpdateSet(columns))
  })
}
