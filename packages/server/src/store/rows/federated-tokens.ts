import type { FederatedTokenRows } from '@lanyard/authority'
import { bytesOfHex, hexOf } from '../encoding.ts'
import type { RowContext } from './context.ts'
import { requireTenantId } from './tenant-id.ts'

export function federatedTokenRows(context: RowContext): FederatedTokenRows {
  const { statements } = context
  const db = statements.kysely
  const find = statements.prepareRows((a: { hash: Uint8Array }) =>
    db
      .selectFrom('federated_tokens as f')
      .innerJoin('tenants as t', 't.id', 'f.tenant_id')
      .selectAll('f')
      .select('t.tenant')
      .where('f.hash', '=', a.hash),
  )
  // The second of two that come at once waits here for the commit of the first, and then finds what that left.
  const insert = statements.prepareChange(
    (a: { hash: Uint8Array; tenantId: number; agent: string; lineage: Uint8Array; expiresAt: number }) =>
      db
        .insertInto('federated_tokens')
        .values({ hash: a.hash, tenant_id: a.tenantId, agent: a.agent, lineage: a.lineage, expires_at: a.expiresAt })
        .onConflict(conflict => conflict.column('hash').doNothing()),
  )
  function* found(hash: string) {
    const [row] = yield* find({ hash: bytesOfHex(hash) })
    if (row === undefined) return undefined
    const { tenant, agent, lineage, expires_at: expiresAt } = row
    return { hash, tenant, agent, lineage: hexOf(lineage), expiresAt }
  }
  return {
    find: found,
    *claim({ hash, tenant, agent, lineage, expiresAt }) {
      const tenantId = (yield* requireTenantId(context, tenant))!
      const row = { hash: bytesOfHex(hash), tenantId, agent, lineage: bytesOfHex(lineage), expiresAt }
      if ((yield* insert(row)) === 1) return undefined
      const before = yield* found(hash)
      if (before === undefined) throw new Error('an external token was neither claimed nor there')
      return before
    },
  }
}
