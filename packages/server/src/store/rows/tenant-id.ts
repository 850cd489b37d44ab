import type { Step } from '@lanyard/authority'
import type { RowContext } from './context.ts'

/**
 * The number of a tenant; null for none. Throws where there is no such tenant: a row without a tenant counts for all, so a
 * look-up that finds nothing must never be written down as null.
 */
export function* requireTenantId({ statements }: RowContext, tenant: string | null): Step<number | null> {
  if (tenant === null) return null
  const [row] = yield* statements.query(
    statements.kysely.selectFrom('tenants').select('id').where('tenant', '=', tenant),
  )
  if (row === undefined) throw new Error(`there is no tenant ${tenant}; its row was not written`)
  return row.id
}
