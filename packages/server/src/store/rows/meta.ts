import type { MetaRows } from '../ports.ts'
import type { RowContext } from './context.ts'

export function metaRows({ statements }: RowContext): MetaRows {
  const db = statements.kysely
  const get = statements.prepareRows((a: { key: string }) =>
    db.selectFrom('meta').select('value').where('key', '=', a.key),
  )
  const set = statements.prepareChange((a: { key: string; value: string }) =>
    db
      .insertInto('meta')
      .values({ key: a.key, value: a.value })
      .onConflict(conflict => conflict.column('key').doUpdateSet({ value: a.value })),
  )
  return {
    *get(key) {
      return (yield* get({ key }))[0]?.value
    },
    *set(key, value) {
      yield* set({ key, value })
    },
  }
}
