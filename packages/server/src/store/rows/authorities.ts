import { bytesOfHex, hexOf } from '../encoding.ts'
import type { AuthorityRows, AuthorityState } from '../ports.ts'
import type { AuthorityTable } from '../schema.ts'
import type { RowContext } from './context.ts'
import { requireOne } from './page.ts'

const authorityOf = (row: AuthorityTable): AuthorityState => ({
  keyId: hexOf(row.key_id),
  purpose: row.purpose,
  instance: row.instance,
  algorithm: row.algorithm,
  certificate: row.certificate,
  sealed: row.sealed,
  state: row.state as AuthorityState['state'],
  createdAt: row.created_at,
  notAfter: row.not_after,
})

type Written = Omit<AuthorityState, 'keyId'> & { readonly keyId: Uint8Array }

export function authorityRows({ statements }: RowContext): AuthorityRows {
  const db = statements.kysely
  const find = statements.prepareRows((a: { keyId: Uint8Array }) =>
    db.selectFrom('authorities').selectAll().where('key_id', '=', a.keyId),
  )
  const insert = statements.prepareChange((a: Written) =>
    db.insertInto('authorities').values({
      key_id: a.keyId,
      purpose: a.purpose,
      instance: a.instance,
      algorithm: a.algorithm,
      certificate: a.certificate,
      sealed: a.sealed,
      state: a.state,
      created_at: a.createdAt,
      not_after: a.notAfter,
    }),
  )
  const update = statements.prepareChange((a: Written) =>
    db
      .updateTable('authorities')
      .set({ certificate: a.certificate, sealed: a.sealed, state: a.state, not_after: a.notAfter })
      .where('key_id', '=', a.keyId),
  )

  return {
    *list({ purpose }) {
      const rows = yield* statements.query(
        db
          .selectFrom('authorities')
          .selectAll()
          .$if(purpose !== undefined, q => q.where('purpose', '=', purpose!))
          .orderBy('created_at')
          .orderBy('key_id'),
      )
      return rows.map(authorityOf)
    },
    *find(keyId) {
      const [row] = yield* find({ keyId: bytesOfHex(keyId) })
      return row && authorityOf(row)
    },
    *insert(authority) {
      requireOne(yield* insert({ ...authority, keyId: bytesOfHex(authority.keyId) }), 'authority')
    },
    *change(keyId, change) {
      const key = bytesOfHex(keyId)
      const [row] = yield* find({ keyId: key })
      if (!row) throw new Error(`expected authority ${keyId} to exist`)
      requireOne(yield* update({ ...authorityOf(row), ...change, keyId: key }), 'authority')
    },
  }
}
