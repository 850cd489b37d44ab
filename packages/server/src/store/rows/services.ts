import type { AgentKey, ServiceRows, ServiceState } from '@lanyard/authority'
import { cursorInvalid } from '../encoding.ts'
import type { ServiceTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

type ServiceRow = ServiceTable & { tenant: string; agent: string }

const serviceOf = (row: ServiceRow): ServiceState => ({
  tenant: row.tenant,
  agent: row.agent,
  spiffeId: row.spiffe_id,
  url: row.url,
  since: row.since,
  leasedUntil: row.leased_until,
})

export function serviceRows({ statements }: RowContext): ServiceRows {
  const db = statements.kysely
  const services = db
    .selectFrom('services as s')
    .innerJoin('agents as a', 'a.id', 's.agent_id')
    .innerJoin('tenants as t', 't.id', 's.tenant_id')
    .selectAll('s')
    .select(['t.tenant', 'a.agent'])
  const agentOf = (a: AgentKey) =>
    db
      .selectFrom('agents as a')
      .innerJoin('tenants as t', 't.id', 'a.tenant_id')
      .where('t.tenant', '=', a.tenant)
      .where('a.agent', '=', a.agent)

  const find = statements.prepareRows((a: AgentKey & { url: string }) =>
    services.where('s.agent_id', '=', agentOf(a).select('a.id')).where('s.url', '=', a.url),
  )
  const put = statements.prepareChange((a: ServiceState) =>
    db
      .insertInto('services')
      .values({
        agent_id: agentOf(a).select('a.id'),
        url: a.url,
        tenant_id: agentOf(a).select('t.id'),
        spiffe_id: a.spiffeId,
        since: a.since,
        leased_until: a.leasedUntil,
      })
      .onConflict(conflict =>
        conflict.columns(['agent_id', 'url']).doUpdateSet({ since: a.since, leased_until: a.leasedUntil }),
      ),
  )
  const remove = statements.prepareChange((a: AgentKey & { url: string }) =>
    db.deleteFrom('services').where('agent_id', '=', agentOf(a).select('a.id')).where('url', '=', a.url),
  )
  const removeAll = statements.prepareChangedRows((a: AgentKey) =>
    db.deleteFrom('services').where('agent_id', '=', agentOf(a).select('a.id')).returning('url'),
  )
  const count = statements.prepareRows((a: AgentKey) =>
    db
      .selectFrom('services')
      .select(eb => eb.fn.countAll<number>().as('count'))
      .where('agent_id', '=', agentOf(a).select('a.id')),
  )

  return {
    *find({ tenant, agent }, url) {
      const [row] = yield* find({ tenant, agent, url })
      return row && serviceOf(row)
    },
    *put(service) {
      requireOne(yield* put(service), 'service')
    },
    *remove({ tenant, agent }, url) {
      return (yield* remove({ tenant, agent, url })) === 1
    },
    *removeAll({ tenant, agent }) {
      return (yield* removeAll({ tenant, agent })).map(row => row.url).sort()
    },
    *count({ tenant, agent }) {
      return (yield* count({ tenant, agent }))[0]!.count
    },
    *list({ spiffeId, tenant, now }, page) {
      const after = page.after === null ? null : placeOfCursor(page.after)
      const rows = yield* statements.query(
        services
          .where('s.leased_until', '>=', now)
          .$if(spiffeId !== undefined, q => q.where('s.spiffe_id', '=', spiffeId!))
          .$if(tenant !== undefined, q =>
            q.where('s.tenant_id', '=', eb => eb.selectFrom('tenants').select('id').where('tenant', '=', tenant!)),
          )
          .$if(after !== null, q =>
            q.where(eb => eb(eb.refTuple('s.spiffe_id', 's.url'), '>', eb.tuple(after!.spiffeId, after!.url))),
          )
          .orderBy('s.spiffe_id')
          .orderBy('s.url')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(serviceOf), page, ({ spiffeId: id, url }) => `${id} ${url}`)
    },
  }
}

// No SPIFFE ID holds a space.
function placeOfCursor(after: string): { spiffeId: string; url: string } {
  const space = after.indexOf(' ')
  if (space < 1) throw cursorInvalid()
  return { spiffeId: after.slice(0, space), url: after.slice(space + 1) }
}
