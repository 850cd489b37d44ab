import type { BarredPrincipalRows } from '@lanyard/authority'
import { bytesOfHex } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { idOfHex } from './hex-id.ts'

interface Bar {
  readonly principal: Uint8Array
  /** The tenant; empty: everywhere. */
  readonly scope: string
}

export function barredPrincipalRows({ statements }: RowContext): BarredPrincipalRows {
  const db = statements.kysely
  const scopes = statements.prepareRows((a: { principal: Uint8Array }) =>
    db.selectFrom('barred_principals').select('scope').where('principal', '=', a.principal),
  )
  const bar = statements.prepareChange((a: Bar & { at: number; reason: string }) =>
    db
      .insertInto('barred_principals')
      .values({ principal: a.principal, scope: a.scope, at: a.at, reason: a.reason })
      .onConflict(conflict => conflict.columns(['principal', 'scope']).doNothing()),
  )
  const lift = statements.prepareChange((a: Bar) =>
    db.deleteFrom('barred_principals').where('principal', '=', a.principal).where('scope', '=', a.scope),
  )
  return {
    *scopesOf(principal) {
      const key = idOfHex(principal)
      const rows = key === null ? [] : yield* scopes({ principal: key })
      return rows.map(({ scope }) => (scope === '' ? null : scope))
    },
    *bar(principal, { at, reason, tenant }) {
      yield* bar({ principal: bytesOfHex(principal), scope: tenant ?? '', at, reason })
    },
    *lift(principal, tenant) {
      const key = idOfHex(principal)
      return key !== null && (yield* lift({ principal: key, scope: tenant ?? '' })) === 1
    },
  }
}
