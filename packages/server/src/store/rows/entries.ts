import type { AgentKey, EntryRows, EntryState } from '@lanyard/authority'
import { sql } from 'kysely'
import { bytesOfHex } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { type EntryRow, entryOf, shapeOf, writtenEntry } from './entry-row.ts'
import { EPOCH_CHANNEL } from './epoch.ts'
import { requireOne } from './page.ts'

type Single = Pick<
  EntryRows,
  'bump' | 'revision' | 'horizon' | 'find' | 'same' | 'count' | 'insert' | 'update' | 'delete' | 'touch'
>

/** Entries with the names of whose they are. */
export const entriesOf = ({ statements }: Pick<RowContext, 'statements'>) =>
  statements.kysely
    .selectFrom('entries as e')
    .innerJoin('agents as a', 'a.id', 'e.agent_id')
    .innerJoin('tenants as t', 't.id', 'e.tenant_id')
    .selectAll('e')
    .select(['t.tenant', 'a.agent', 'a.spiffe_id'])

/** Registration entries one by one, and their counter. */
export function entryRows(context: RowContext): Single {
  const { statements } = context
  const db = statements.kysely
  const entries = entriesOf(context)
  const tenantId = (tenant: string) => db.selectFrom('tenants').select('id').where('tenant', '=', tenant)
  const find = statements.prepareRows((a: { id: Uint8Array }) => entries.where('e.id', '=', a.id))
  // By the agent's number: from the names SQLite would walk all entries of the tenant.
  const same = statements.prepareRows((a: AgentKey & { shape: Uint8Array }) =>
    entries
      .where('e.shape', '=', a.shape)
      .where(
        'e.agent_id',
        '=',
        db.selectFrom('agents').select('id').where('tenant_id', '=', tenantId(a.tenant)).where('agent', '=', a.agent),
      ),
  )
  const count = statements.prepareRows((a: { tenant: string }) =>
    db
      .selectFrom('entries')
      .select(eb => eb.fn.countAll<number>().as('count'))
      .where('tenant_id', '=', tenantId(a.tenant)),
  )
  const mark = statements.prepareChange((a: { id: Uint8Array; revision: number; at: number }) =>
    db
      .insertInto('entry_marks')
      .columns(['id', 'tenant_id', 'revision', 'at'])
      .expression(eb =>
        eb
          .selectFrom('entries')
          .select(s => ['id', 'tenant_id', s.val(a.revision).as('revision'), s.val(a.at).as('at')])
          .where('id', '=', a.id),
      ),
  )
  const remove = statements.prepareChange((a: { id: Uint8Array }) => db.deleteFrom('entries').where('id', '=', a.id))
  const write = writes(context)

  return {
    ...counter(context),
    ...touching(context),
    *find(id) {
      return first(yield* find({ id: bytesOfHex(id) }))
    },
    *same({ tenant, agent, ...entry }) {
      return first(yield* same({ tenant, agent, shape: shapeOf(entry) }))
    },
    *count(tenant) {
      return (yield* count({ tenant }))[0]!.count
    },
    *insert(entry) {
      const { tenant, agent, createdAt } = entry
      requireOne(yield* write.insert({ ...writtenEntry(entry), tenant, agent, createdAt }), 'entry')
    },
    *update(entry) {
      requireOne(yield* write.update(writtenEntry(entry)), 'entry')
    },
    *delete(id, revision, at) {
      requireOne(yield* mark({ id: bytesOfHex(id), revision, at }), 'mark of an entry')
      requireOne(yield* remove({ id: bytesOfHex(id) }), 'entry')
    },
  }
}

const first = (rows: readonly EntryRow[]): EntryState | undefined => rows[0] && entryOf(rows[0])

/** Wakes whoever listens for epochs, with the one that there is: the look that follows sees the revision, too. */
const told = (trustDomain: number) =>
  sql<unknown>`pg_notify(${sql.lit(EPOCH_CHANNEL)}, (select e.epoch::text from epoch as e where e.trust_domain = ${trustDomain}))`.as(
    'told',
  )

function counter({ statements, trustDomain }: RowContext): Pick<EntryRows, 'bump' | 'revision' | 'horizon'> {
  const db = statements.kysely
  const state = statements.prepareRows(() =>
    db.selectFrom('entry_revisions').select(['revision', 'horizon']).where('trust_domain', '=', trustDomain),
  )
  const bump = statements.prepareChangedRows(() =>
    db
      .updateTable('entry_revisions')
      .set(eb => ({ revision: eb('revision', '+', 1) }))
      .where('trust_domain', '=', trustDomain)
      .returning('revision')
      .$if(statements.dialect.notifies, q => q.returning(told(trustDomain))),
  )
  return {
    *bump() {
      return (yield* bump({}))[0]!.revision
    },
    *revision() {
      return (yield* state({}))[0]!.revision
    },
    *horizon() {
      return (yield* state({}))[0]!.horizon
    },
  }
}

function touching({ statements, trustDomain }: RowContext): Pick<EntryRows, 'touch'> {
  const db = statements.kysely
  const ofTenant = (tenant: string) => db.selectFrom('tenants').select('id').where('tenant', '=', tenant)
  const span = statements.prepareRows((a: { tenant: string }) =>
    db
      .selectFrom('entries')
      .select(eb => [eb.fn.min<number | null>('no').as('first'), eb.fn.max<number | null>('no').as('last')])
      .where('tenant_id', '=', ofTenant(a.tenant)),
  )
  const take = statements.prepareChangedRows((a: { count: number }) =>
    db
      .updateTable('entry_revisions')
      .set(eb => ({ revision: eb('revision', '+', a.count) }))
      .where('trust_domain', '=', trustDomain)
      .returning('revision')
      .$if(statements.dialect.notifies, q => q.returning(told(trustDomain))),
  )
  const touch = statements.prepareChange((a: { tenant: string; shift: number }) =>
    db
      .updateTable('entries')
      .set(eb => ({ revision: eb('no', '+', a.shift) }))
      .where('tenant_id', '=', ofTenant(a.tenant)),
  )
  return {
    *touch(tenant) {
      const { first, last } = (yield* span({ tenant }))[0]!
      if (first === null || last === null) return
      // The numbers between are those of other tenants' entries, and stay unused.
      const [counter] = yield* take({ count: last - first + 1 })
      yield* touch({ tenant, shift: counter!.revision - last })
    },
  }
}

type Written = ReturnType<typeof writtenEntry>

function writes({ statements }: RowContext) {
  const db = statements.kysely
  const columns = (a: Written) => ({
    parent: a.parent,
    selectors: a.selectors,
    shape: a.shape,
    x509_ttl_sec: a.x509TtlSec,
    jwt_ttl_sec: a.jwtTtlSec,
    dns_names: a.dnsNames,
    hint: a.hint,
    federates_with: a.federatesWith,
    expires_at: a.expiresAt,
    children: a.children,
    replicas: a.replicas,
    revision: a.revision,
    updated_at: a.updatedAt,
  })
  return {
    insert: statements.prepareChange((a: Written & AgentKey & { createdAt: number }) => {
      const agent = db
        .selectFrom('agents as a')
        .innerJoin('tenants as t', 't.id', 'a.tenant_id')
        .where('t.tenant', '=', a.tenant)
        .where('a.agent', '=', a.agent)
      const owner = { tenant_id: agent.select('t.id'), agent_id: agent.select('a.id') }
      return db.insertInto('entries').values({ id: a.id, ...owner, ...columns(a), created_at: a.createdAt })
    }),
    update: statements.prepareChange((a: Written) => db.updateTable('entries').set(columns(a)).where('id', '=', a.id)),
  }
}
