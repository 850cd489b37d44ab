import type { JoinTokenRows, JoinTokenState } from '@lanyard/authority'
import type { JoinTokenTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { requireOne } from './page.ts'
import { requireTenantId } from './tenant-id.ts'

type JoinTokenRow = JoinTokenTable & { tenant: string | null }

const tokenOf = (row: JoinTokenRow): JoinTokenState => ({
  hash: row.hash,
  name: row.name,
  tenant: row.tenant,
  groups: JSON.parse(row.groups) as string[],
  createdBy: row.created_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
})

export function joinTokenRows(context: RowContext): JoinTokenRows {
  const { statements } = context
  const db = statements.kysely
  const find = statements.prepareRows((a: { hash: Uint8Array }) =>
    db
      .selectFrom('join_tokens as j')
      .leftJoin('tenants as t', 't.id', 'j.tenant_id')
      .selectAll('j')
      .select('t.tenant')
      .where('j.hash', '=', a.hash),
  )
  // Whoever deletes the row has the token: a second one waits for the commit of the first, and finds nothing.
  const take = statements.prepareChange((a: { hash: Uint8Array }) =>
    db.deleteFrom('join_tokens').where('hash', '=', a.hash),
  )
  const removeOf = statements.prepareChange((a: { maker: string }) =>
    db.deleteFrom('join_tokens').where('created_by', '=', a.maker),
  )
  const removeIn = statements.prepareChange((a: { maker: string; tenant: string }) =>
    db
      .deleteFrom('join_tokens')
      .where('created_by', '=', a.maker)
      .where('tenant_id', '=', db.selectFrom('tenants').select('id').where('tenant', '=', a.tenant)),
  )
  const insert = statements.prepareChange(
    (a: Omit<JoinTokenState, 'groups' | 'tenant'> & { groups: string; tenantId: number | null }) =>
      db.insertInto('join_tokens').values({
        hash: a.hash,
        tenant_id: a.tenantId,
        name: a.name,
        groups: a.groups,
        created_by: a.createdBy,
        created_at: a.createdAt,
        expires_at: a.expiresAt,
      }),
  )
  return {
    *insert(token) {
      const tenantId = yield* requireTenantId(context, token.tenant)
      requireOne(yield* insert({ ...token, groups: JSON.stringify(token.groups), tenantId }), 'join token')
    },
    *find(hash) {
      const [row] = yield* find({ hash })
      return row && tokenOf(row)
    },
    *take(hash) {
      const [row] = yield* find({ hash })
      if (row === undefined) return undefined
      return (yield* take({ hash })) === 1 ? tokenOf(row) : undefined
    },
    *removeOf(maker, tenant = null) {
      yield* tenant === null ? removeOf({ maker }) : removeIn({ maker, tenant })
    },
  }
}
