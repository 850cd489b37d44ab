import type { ApiKeyRows, ApiKeyState } from '@lanyard/authority'
import { sql } from 'kysely'
import { cursorInvalid } from '../encoding.ts'
import type { ApiKeyTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

const apiKeyOf = (row: ApiKeyTable): ApiKeyState => ({
  id: row.id,
  name: row.name,
  role: row.role,
  tenant: row.tenant,
  agents: row.agents,
  hash: row.hash,
  createdBy: row.created_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  rateLimit: row.rate_limit,
  bounded: row.bounded === 1,
  revokedAt: row.revoked_at,
})

export function apiKeyRows({ statements }: RowContext): ApiKeyRows {
  const db = statements.kysely
  const find = statements.prepareRows((a: { id: string }) =>
    db.selectFrom('api_keys').selectAll().where('id', '=', a.id),
  )
  const insert = statements.prepareChange((a: Omit<ApiKeyState, 'bounded'> & { bounded: number }) =>
    db.insertInto('api_keys').values({
      id: a.id,
      name: a.name,
      role: a.role,
      tenant: a.tenant,
      agents: a.agents,
      hash: a.hash,
      created_by: a.createdBy,
      created_at: a.createdAt,
      expires_at: a.expiresAt,
      rate_limit: a.rateLimit,
      bounded: a.bounded,
      revoked_at: a.revokedAt,
    }),
  )
  const revoke = statements.prepareChange((a: { id: string; at: number }) =>
    db.updateTable('api_keys').set({ revoked_at: a.at }).where('id', '=', a.id).where('revoked_at', 'is', null),
  )
  const madeBy = statements.prepareRows((a: { maker: string }) =>
    db.selectFrom('api_keys').select('id').where('created_by', '=', a.maker).orderBy('created_at').orderBy('id'),
  )
  const tree = statements.prepareRows((a: { id: string }) => treeOf(a).selectFrom('tree').select('id'))
  const revokeTree = statements.prepareChange((a: { id: string; at: number }) =>
    treeOf(a)
      .updateTable('api_keys')
      .set({ revoked_at: a.at })
      .where('id', 'in', eb => eb.selectFrom('tree').select('tree.id'))
      .where('revoked_at', 'is', null),
  )

  return {
    *find(id) {
      const [row] = yield* find({ id })
      return row && apiKeyOf(row)
    },
    *insert(key) {
      requireOne(yield* insert({ ...key, bounded: Number(key.bounded) }), 'API key')
    },
    *revoke(id, at) {
      yield* revoke({ id, at })
    },
    *revokeTree(id, at) {
      const ids = (yield* tree({ id })).map(row => row.id)
      yield* revokeTree({ id, at })
      return ids
    },
    *madeBy(maker) {
      return (yield* madeBy({ maker })).map(row => row.id)
    },
    *list({ tenant, ofAllTenants }, page) {
      const rows = yield* statements.query(
        db
          .selectFrom('api_keys')
          .selectAll()
          .where('revoked_at', 'is', null)
          .$if(tenant !== undefined, q => q.where('tenant', '=', tenant!))
          .$if(ofAllTenants === true, q => q.where('tenant', 'is', null))
          .$if(page.after !== null, q => {
            const { createdAt, id } = placeOfCursor(page.after!)
            return q.where(eb => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(createdAt, id)))
          })
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .limit(page.limit + 1),
      )
      return pageOf(rows.map(apiKeyOf), page, key => `${key.createdAt}.${key.id}`)
    },
  }

  // Also through keys that are revoked already: what they made may live. A union without `all` ends on any circle.
  function treeOf({ id }: { id: string }) {
    return db.withRecursive('tree(id)', cte =>
      cte
        .selectFrom('api_keys')
        .select('id')
        .where('id', '=', id)
        .union(
          cte
            .selectFrom('tree as t')
            .innerJoin('api_keys as k', join =>
              join.on('k.created_by', '=', sql<string>`'api-key:' || ${sql.ref('t.id')}`),
            )
            .select('k.id'),
        ),
    )
  }
}

function placeOfCursor(after: string): { createdAt: number; id: string } {
  const match = /^(\d{1,16})\.(.+)$/.exec(after)
  if (!match) throw cursorInvalid()
  return { createdAt: Number(match[1]), id: match[2]! }
}
