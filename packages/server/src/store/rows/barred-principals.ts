import type { BarredPrincipalRows } from '@lanyard/authority'
import { type RawBuilder, sql } from 'kysely'
import { bytesOfHex } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { idOfHex } from './hex-id.ts'

interface Bar {
  readonly principal: Uint8Array
  /** The tenant; empty: everywhere. */
  readonly scope: string
}

/** An instance whose clock lags must not let count again what was issued before. */
const later = (stored: RawBuilder<unknown>, at: number) =>
  sql<number>`case when ${stored} > ${at} then ${stored} else ${at} end`

export function barredPrincipalRows({ statements }: RowContext): BarredPrincipalRows {
  const db = statements.kysely
  const bars = statements.prepareRows((a: { principal: Uint8Array }) =>
    db.selectFrom('barred_principals').select(['scope', 'lifted_at']).where('principal', '=', a.principal),
  )
  const bar = statements.prepareChange((a: Bar & { at: number; reason: string }) =>
    db
      .insertInto('barred_principals')
      .values({ principal: a.principal, scope: a.scope, at: a.at, reason: a.reason, lifted_at: null })
      .onConflict(conflict =>
        conflict
          .columns(['principal', 'scope'])
          .doUpdateSet({
            at: later(sql.ref('barred_principals.lifted_at'), a.at),
            reason: a.reason,
            lifted_at: null,
          })
          .where('barred_principals.lifted_at', 'is not', null),
      ),
  )
  // It stays, lifted: what was issued before must not count again.
  const lift = statements.prepareChange((a: Bar & { at: number }) =>
    db
      .updateTable('barred_principals')
      .set({ lifted_at: later(sql.ref('at'), a.at) })
      .where('principal', '=', a.principal)
      .where('scope', '=', a.scope)
      .where('lifted_at', 'is', null),
  )
  return {
    *of(principal) {
      const key = idOfHex(principal)
      const rows = key === null ? [] : yield* bars({ principal: key })
      return rows.map(row => ({ tenant: row.scope === '' ? null : row.scope, liftedAt: row.lifted_at }))
    },
    *bar(principal, { at, reason, tenant }) {
      yield* bar({ principal: bytesOfHex(principal), scope: tenant ?? '', at, reason })
    },
    *lift(principal, tenant, at) {
      const key = idOfHex(principal)
      return key !== null && (yield* lift({ principal: key, scope: tenant ?? '', at })) === 1
    },
  }
}
