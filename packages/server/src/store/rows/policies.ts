import type { Page, PolicyRows, PolicyVersionState } from '@lanyard/authority'
import { sql } from 'kysely'
import type { PolicyVersionTable } from '../access-tables.ts'
import { numbersOfCursor } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { EPOCH_CHANNEL } from './epoch.ts'
import { pageOf, requireOne } from './page.ts'

const scopeOf = (tenant: string | null) => tenant ?? ''
const tenantOf = (scope: string) => (scope === '' ? null : scope)

const versionOf = (row: PolicyVersionTable): PolicyVersionState => ({
  tenant: tenantOf(row.scope),
  version: row.version,
  policies: row.policies,
  schema: row.schema_text,
  entities: JSON.parse(row.entities) as unknown[],
  comment: row.comment_text,
  state: row.state as PolicyVersionState['state'],
  createdBy: row.created_by,
  createdAt: row.created_at,
  activatedAt: row.activated_at,
  follows: row.follows,
})

// Written into the statement: only so does SQLite see that the index of these rows holds them all.
const ACTIVE = sql.lit('active')
const SHADOW = sql.lit('shadow')

/** Versions of policies, and the counter of what is in force. */
export function policyRows(context: RowContext): PolicyRows {
  const { statements } = context
  const db = statements.kysely
  const versions = db.selectFrom('policy_versions').selectAll()
  const find = statements.prepareRows((a: { scope: string; version: number }) =>
    versions.where('scope', '=', a.scope).where('version', '=', a.version),
  )
  const active = statements.prepareRows((a: { scope: string }) =>
    versions.where('state', '=', ACTIVE).where('scope', '=', a.scope),
  )
  const shadow = statements.prepareRows((a: { scope: string }) =>
    versions.where('state', '=', SHADOW).where('scope', '=', a.scope),
  )
  return {
    ...counts(context),
    ...revisions(context),
    ...writes(context),
    ...inForce(context),
    *find(tenant, version) {
      const [row] = yield* find({ scope: scopeOf(tenant), version })
      return row && versionOf(row)
    },
    *active(tenant) {
      const [row] = yield* active({ scope: scopeOf(tenant) })
      return row && versionOf(row)
    },
    *shadow(tenant) {
      const [row] = yield* shadow({ scope: scopeOf(tenant) })
      return row && versionOf(row)
    },
    *list(tenant, page: Page) {
      const rows = yield* statements.query(
        versions
          .where('scope', '=', scopeOf(tenant))
          .$if(page.after !== null, q => q.where('version', '<', numbersOfCursor(page.after!, 1)[0]!))
          .orderBy('version', 'desc')
          .limit(page.limit + 1),
      )
      const sizeOf = (item: PolicyVersionTable) =>
        item.policies.length + item.schema_text.length + item.entities.length + item.comment_text.length
      const { items, next } = pageOf(rows, page, item => String(item.version), { sizeOf })
      return { items: items.map(versionOf), next }
    },
  }
}

function counts({ statements }: RowContext): Pick<PolicyRows, 'newest' | 'count'> {
  const db = statements.kysely
  const measure = statements.prepareRows((a: { scope: string }) =>
    db
      .selectFrom('policy_versions')
      .select(eb => [eb.fn.max<number | null>('version').as('newest'), eb.fn.countAll<number>().as('count')])
      .where('scope', '=', a.scope),
  )
  return {
    *newest(tenant) {
      return (yield* measure({ scope: scopeOf(tenant) }))[0]!.newest ?? 0
    },
    *count(tenant) {
      return (yield* measure({ scope: scopeOf(tenant) }))[0]!.count
    },
  }
}

function inForce({ statements }: RowContext): Pick<PolicyRows, 'inForce'> {
  const db = statements.kysely
  const columns = ['scope', 'version', 'state'] as const
  const actives = statements.prepareRows(() =>
    db.selectFrom('policy_versions').select(columns).where('state', '=', ACTIVE).orderBy('scope'),
  )
  const shadows = statements.prepareRows(() =>
    db.selectFrom('policy_versions').select(columns).where('state', '=', SHADOW).orderBy('scope'),
  )
  return {
    *inForce() {
      const rows = [...(yield* actives({})), ...(yield* shadows({}))]
      return rows.map(({ scope, version, state }) => ({
        tenant: tenantOf(scope),
        version,
        state: state as 'active' | 'shadow',
      }))
    },
  }
}

function revisions({ statements, trustDomain }: RowContext): Pick<PolicyRows, 'revision' | 'bumpRevision'> {
  const db = statements.kysely
  const revision = statements.prepareRows(() =>
    db.selectFrom('policy_revisions').select('revision').where('trust_domain', '=', trustDomain),
  )
  // Wakes whoever listens for epochs, with the one that there is: the look that follows sees the revision, too.
  const told = sql<unknown>`pg_notify(${sql.lit(EPOCH_CHANNEL)}, (select e.epoch::text from epoch as e where e.trust_domain = ${trustDomain}))`
  const bump = statements.prepareChangedRows(() =>
    db
      .updateTable('policy_revisions')
      .set(eb => ({ revision: eb('revision', '+', 1) }))
      .where('trust_domain', '=', trustDomain)
      .returning('revision')
      .$if(statements.dialect.notifies, q => q.returning(told.as('told'))),
  )
  return {
    *revision() {
      return (yield* revision({}))[0]!.revision
    },
    *bumpRevision() {
      return (yield* bump({}))[0]!.revision
    },
  }
}

type Columns = Omit<PolicyVersionState, 'tenant' | 'entities'> & { scope: string; entities: string }

function writes({ statements }: RowContext): Pick<PolicyRows, 'insert' | 'update' | 'removeOldest'> {
  const db = statements.kysely
  const insert = statements.prepareChange((a: Columns) =>
    db.insertInto('policy_versions').values({
      scope: a.scope,
      version: a.version,
      policies: a.policies,
      schema_text: a.schema,
      entities: a.entities,
      comment_text: a.comment,
      state: a.state,
      created_by: a.createdBy,
      created_at: a.createdAt,
      activated_at: a.activatedAt,
      follows: a.follows,
    }),
  )
  const update = statements.prepareChange(
    (a: Pick<Columns, 'scope' | 'version' | 'state' | 'activatedAt' | 'follows'>) =>
      db
        .updateTable('policy_versions')
        .set({ state: a.state, activated_at: a.activatedAt, follows: a.follows })
        .where('scope', '=', a.scope)
        .where('version', '=', a.version),
  )
  return {
    *insert({ tenant, entities, ...version }) {
      const row = { ...version, scope: scopeOf(tenant), entities: JSON.stringify(entities) }
      requireOne(yield* insert(row), 'version of policies')
    },
    *update({ tenant, version, state, activatedAt, follows }) {
      const change = { scope: scopeOf(tenant), version, state, activatedAt, follows }
      requireOne(yield* update(change), 'version of policies')
    },
    ...removal({ statements }),
  }
}

function removal({ statements }: Pick<RowContext, 'statements'>): Pick<PolicyRows, 'removeOldest'> {
  const db = statements.kysely
  const remove = statements.prepareChange((a: { scope: string }) => {
    const ofScope = db.selectFrom('policy_versions as o').where('o.scope', '=', a.scope)
    const followed = ofScope.where('o.state', '=', ACTIVE).select(eb => eb.fn.coalesce('o.follows', eb.lit(0)).as('f'))
    const oldest = ofScope
      .where('o.state', 'in', ['saved', 'retired'])
      .where('o.version', 'not in', followed)
      .select(eb => eb.fn.min('o.version').as('oldest'))
    // The newest stays, or its number would be given once more.
    const newest = ofScope.select(eb => eb.fn.max('o.version').as('newest'))
    return db
      .deleteFrom('policy_versions')
      .where('scope', '=', a.scope)
      .where('version', '=', oldest)
      .where('version', '<', newest)
  })
  return {
    *removeOldest(tenant) {
      return (yield* remove({ scope: scopeOf(tenant) })) === 1
    },
  }
}
