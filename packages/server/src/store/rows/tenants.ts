import type { KeyPolicy } from '@lanyard/api'
import type { TenantRows, TenantState } from '@lanyard/authority'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

/** Of `tenants as t`. */
export const TENANT_COLUMNS = [
  't.tenant',
  't.key_policy',
  't.renewal_grace_sec',
  't.incarnation as t_incarnation',
  't.dead_through as t_dead_through',
  't.created_at as t_created_at',
  't.updated_at as t_updated_at',
] as const

export interface TenantRow {
  tenant: string
  key_policy: string
  renewal_grace_sec: number
  t_incarnation: number
  t_dead_through: number
  t_created_at: number
  t_updated_at: number
}

export const tenantOf = (row: TenantRow): TenantState => ({
  tenant: row.tenant,
  keyPolicy: row.key_policy as KeyPolicy,
  renewalGraceSec: row.renewal_grace_sec,
  incarnation: row.t_incarnation,
  deadThrough: row.t_dead_through,
  createdAt: row.t_created_at,
  updatedAt: row.t_updated_at,
})

export function tenantRows({ statements, trustDomain }: RowContext): TenantRows {
  const db = statements.kysely
  const find = statements.prepareRows((a: { tenant: string }) =>
    db.selectFrom('tenants as t').select(TENANT_COLUMNS).where('t.tenant', '=', a.tenant),
  )
  const insert = statements.prepareChange((a: TenantState) =>
    db.insertInto('tenants').values({
      trust_domain: trustDomain,
      tenant: a.tenant,
      key_policy: a.keyPolicy,
      renewal_grace_sec: a.renewalGraceSec,
      incarnation: a.incarnation,
      dead_through: a.deadThrough,
      created_at: a.createdAt,
      updated_at: a.updatedAt,
    }),
  )
  const update = statements.prepareChange((a: TenantState) =>
    db
      .updateTable('tenants')
      .set({
        key_policy: a.keyPolicy,
        renewal_grace_sec: a.renewalGraceSec,
        incarnation: a.incarnation,
        dead_through: a.deadThrough,
        updated_at: a.updatedAt,
      })
      .where('tenant', '=', a.tenant),
  )

  return {
    *find(tenant) {
      const [row] = yield* find({ tenant })
      return row && tenantOf(row)
    },
    *insert(tenant) {
      requireOne(yield* insert(tenant), 'tenant')
    },
    *update(tenant) {
      requireOne(yield* update(tenant), 'tenant')
    },
    *list({ only }, page) {
      const rows = yield* statements.query(
        db
          .selectFrom('tenants as t')
          .select(TENANT_COLUMNS)
          .$if(only !== undefined, q => q.where('t.tenant', '=', only!))
          .$if(page.after !== null, q => q.where('t.tenant', '>', page.after!))
          .orderBy('t.tenant')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(tenantOf), page, tenant => tenant.tenant)
    },
  }
}
