import type { Lifecycle, Tier } from '@lanyard/api'
import type { AgentFilter, AgentKey, AgentRows, AgentState, Page } from '@lanyard/authority'
import { cursorInvalid } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { EXAMINED_MAX, pageOf, requireOne } from './page.ts'

/** Of `agents as a`, to be joined with `tenants as t`. */
export const AGENT_COLUMNS = [
  't.tenant',
  'a.agent',
  'a.spiffe_id',
  'a.tier',
  'a.lifecycle',
  'a.provenance',
  'a.external_subject',
  'a.owner',
  'a.description',
  'a.labels',
  'a.incarnation',
  'a.dead_through',
  'a.created_at as a_created_at',
  'a.updated_at as a_updated_at',
] as const

export interface AgentRow {
  tenant: string
  agent: string
  spiffe_id: string
  tier: string
  lifecycle: string
  provenance: string
  external_subject: string | null
  owner: string
  description: string
  labels: string
  incarnation: number
  dead_through: number
  a_created_at: number
  a_updated_at: number
}

export const agentOf = (row: AgentRow): AgentState => ({
  tenant: row.tenant,
  agent: row.agent,
  spiffeId: row.spiffe_id,
  tier: row.tier as Tier,
  lifecycle: row.lifecycle as Lifecycle,
  provenance: row.provenance,
  externalSubject: row.external_subject,
  owner: row.owner,
  description: row.description,
  labels: JSON.parse(row.labels) as Record<string, string>,
  incarnation: row.incarnation,
  deadThrough: row.dead_through,
  createdAt: row.a_created_at,
  updatedAt: row.a_updated_at,
})

type Written = Omit<AgentState, 'labels'> & { readonly labels: string }

const writtenOf = (agent: AgentState): Written => ({ ...agent, labels: JSON.stringify(agent.labels) })

/** Agents one by one, and lists of them. */
export function agentRows({ statements }: RowContext): Omit<AgentRows, 'quarantineAll' | 'reinstateAll' | 'holding'> {
  const db = statements.kysely
  const from = db.selectFrom('agents as a').innerJoin('tenants as t', 't.id', 'a.tenant_id')
  const tenantId = (tenant: string) => db.selectFrom('tenants').select('id').where('tenant', '=', tenant)

  const find = statements.prepareRows((a: AgentKey) =>
    from.select(AGENT_COLUMNS).where('t.tenant', '=', a.tenant).where('a.agent', '=', a.agent),
  )
  const findById = statements.prepareRows((a: { spiffeId: string }) =>
    from.select(AGENT_COLUMNS).where('a.spiffe_id', '=', a.spiffeId),
  )
  const insert = statements.prepareChange((a: Written) =>
    db.insertInto('agents').values({
      tenant_id: tenantId(a.tenant),
      agent: a.agent,
      spiffe_id: a.spiffeId,
      tier: a.tier,
      lifecycle: a.lifecycle,
      provenance: a.provenance,
      external_subject: a.externalSubject,
      owner: a.owner,
      description: a.description,
      labels: a.labels,
      incarnation: a.incarnation,
      dead_through: a.deadThrough,
      created_at: a.createdAt,
      updated_at: a.updatedAt,
    }),
  )
  const update = statements.prepareChange((a: Written) =>
    db
      .updateTable('agents')
      .set({
        tier: a.tier,
        lifecycle: a.lifecycle,
        owner: a.owner,
        description: a.description,
        labels: a.labels,
        incarnation: a.incarnation,
        dead_through: a.deadThrough,
        updated_at: a.updatedAt,
      })
      .where('tenant_id', '=', tenantId(a.tenant))
      .where('agent', '=', a.agent),
  )

  return {
    *find({ tenant, agent }) {
      const [row] = yield* find({ tenant, agent })
      return row && agentOf(row)
    },
    *findById(spiffeId) {
      const [row] = yield* findById({ spiffeId })
      return row && agentOf(row)
    },
    *insert(agent) {
      requireOne(yield* insert(writtenOf(agent)), 'agent')
    },
    *update(agent) {
      requireOne(yield* update(writtenOf(agent)), 'agent')
    },
    *list(filter, page) {
      const floor = isNarrowed(filter) ? yield* lastExamined(filter, page) : undefined
      const rows = yield* statements.query(
        narrowed(walk(filter, page), filter)
          .$if(floor !== undefined, q =>
            q.where(eb => eb(eb.refTuple('t.tenant', 'a.agent'), '<=', eb.tuple(floor!.tenant, floor!.agent))),
          )
          .select(AGENT_COLUMNS)
          .limit(page.limit + 1),
      )
      const { items, next } = pageOf(rows, page, cursorOf, { floor: floor && cursorOf(floor), sizeOf: written })
      return { items: items.map(agentOf), next }
    },
  }

  function* lastExamined(filter: AgentFilter, page: Page) {
    const [last] = yield* statements.query(
      walk(filter, page)
        .select(['t.tenant', 'a.agent'])
        .offset(EXAMINED_MAX - 1)
        .limit(1),
    )
    return last
  }

  // What an index can follow, in its order: that of names, or that of who vouches.
  function walk({ tenant, provenance }: AgentFilter, { after }: Page) {
    const place = after === null ? null : keyOfCursor(after)
    return (provenance === undefined ? from : vouchedFor(provenance))
      .$if(tenant !== undefined, q => q.where('t.tenant', '=', tenant!))
      .$if(place !== null && tenant !== undefined, q => q.where('a.agent', '>', place!.agent))
      .$if(place !== null && tenant === undefined, q =>
        q.where(eb => eb(eb.refTuple('t.tenant', 'a.agent'), '>', eb.tuple(place!.tenant, place!.agent))),
      )
      .orderBy('t.tenant')
      .orderBy('a.agent')
  }

  // From each tenant, in turn, to what the provider brought there: a cross join, since SQLite keeps its order.
  function vouchedFor(provenance: string): typeof from {
    return db
      .selectFrom('tenants as t')
      .crossJoin('agents as a')
      .whereRef('a.tenant_id', '=', 't.id')
      .where('a.provenance', '=', provenance) as unknown as typeof from
  }

  function narrowed(query: ReturnType<typeof walk>, filter: AgentFilter) {
    return query
      .$if(filter.lifecycle !== undefined, q => q.where('a.lifecycle', '=', filter.lifecycle!))
      .$if(filter.tier !== undefined, q => q.where('a.tier', '=', filter.tier!))
  }
}

const isNarrowed = ({ lifecycle, tier }: AgentFilter) => lifecycle !== undefined || tier !== undefined

const cursorOf = ({ tenant, agent }: AgentKey) => `${tenant}/${agent}`

const written = ({ labels, description }: AgentRow) => labels.length + description.length

// No name holds a slash.
function keyOfCursor(after: string): AgentKey {
  const [tenant, agent, ...rest] = after.split('/')
  if (!tenant || !agent || rest.length > 0) throw cursorInvalid()
  return { tenant, agent }
}
