import type { Permission } from '@lanyard/api'
import type { RoleRows, RoleState } from '@lanyard/authority'
import type { RoleTable } from '../access-tables.ts'
import { bytesOfHex, cursorInvalid, hexOf } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { idOfHex } from './hex-id.ts'
import { pageOf, requireOne } from './page.ts'

const roleOf = (row: RoleTable): RoleState => ({
  id: hexOf(row.id),
  role: row.role,
  tenant: row.tenant,
  description: row.description,
  permissions: JSON.parse(row.permissions) as Permission[],
  createdBy: row.created_by,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

const written = (role: RoleState) => ({
  id: bytesOfHex(role.id),
  role: role.role,
  tenant: role.tenant,
  description: role.description,
  permissions: JSON.stringify(role.permissions),
  createdBy: role.createdBy,
  createdAt: role.createdAt,
  updatedAt: role.updatedAt,
})
type Written = ReturnType<typeof written>

export function roleRows({ statements }: RowContext): RoleRows {
  const db = statements.kysely
  const find = statements.prepareRows((a: { id: Uint8Array }) =>
    db.selectFrom('roles').selectAll().where('id', '=', a.id),
  )
  const named = statements.prepareRows((a: { role: string; tenant: string }) =>
    db
      .selectFrom('roles')
      .selectAll()
      .where('role', '=', a.role)
      .where(eb => eb.or([eb('tenant', '=', a.tenant), eb('tenant', 'is', null)])),
  )
  const insert = statements.prepareChange((a: Written) =>
    db.insertInto('roles').values({
      id: a.id,
      role: a.role,
      tenant: a.tenant,
      description: a.description,
      permissions: a.permissions,
      created_by: a.createdBy,
      created_at: a.createdAt,
      updated_at: a.updatedAt,
    }),
  )
  const update = statements.prepareChange((a: Written) =>
    db
      .updateTable('roles')
      .set({ description: a.description, permissions: a.permissions, updated_at: a.updatedAt })
      .where('id', '=', a.id),
  )
  const remove = statements.prepareChange((a: { id: Uint8Array }) => db.deleteFrom('roles').where('id', '=', a.id))

  return {
    *find(id) {
      const key = idOfHex(id)
      const [row] = key === null ? [] : yield* find({ id: key })
      return row && roleOf(row)
    },
    *findByName(role, tenant) {
      // No tenant has the empty name.
      const found = yield* named({ role, tenant: tenant ?? '' })
      const row = found.find(one => one.tenant !== null) ?? found[0]
      return row && roleOf(row)
    },
    *insert(role) {
      requireOne(yield* insert(written(role)), 'role')
    },
    *update(role) {
      requireOne(yield* update(written(role)), 'role')
    },
    *remove(id) {
      requireOne(yield* remove({ id: bytesOfHex(id) }), 'role')
    },
    *isGiven(role, tenant, at) {
      const bound = yield* statements.query(
        db
          .selectFrom('bindings')
          .select('id')
          .where('role', '=', role)
          .where(eb => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at)]))
          .$if(tenant !== null, q => q.where('tenant', '=', tenant!))
          .limit(1),
      )
      if (bound.length > 0) return true
      const keys = yield* statements.query(
        db
          .selectFrom('api_keys')
          .select('id')
          .where('role', '=', role)
          .where('revoked_at', 'is', null)
          .where('expires_at', '>', at)
          .$if(tenant !== null, q => q.where('tenant', '=', tenant!))
          .limit(1),
      )
      return keys.length > 0
    },
    *count(tenant) {
      const rows = yield* statements.query(
        db
          .selectFrom('roles')
          .select(eb => eb.fn.countAll<number>().as('count'))
          .where('tenant', tenant === null ? 'is' : '=', tenant),
      )
      return rows[0]!.count
    },
    *list({ tenant }, page) {
      const after = page.after === null ? null : placeOfCursor(page.after)
      const rows = yield* statements.query(
        db
          .selectFrom('roles')
          .selectAll()
          .$if(tenant !== undefined, q => q.where(eb => eb.or([eb('tenant', '=', tenant!), eb('tenant', 'is', null)])))
          .$if(after !== null, q => q.where(eb => eb(eb.refTuple('role', 'id'), '>', eb.tuple(after!.role, after!.id))))
          .orderBy('role')
          .orderBy('id')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(roleOf), page, ({ role, id }) => `${id}.${role}`)
    },
  }
}

function placeOfCursor(after: string): { role: string; id: Uint8Array } {
  const match = /^([0-9a-f]{32})\.(.+)$/.exec(after)
  if (!match) throw cursorInvalid()
  return { id: bytesOfHex(match[1]!), role: match[2]! }
}
