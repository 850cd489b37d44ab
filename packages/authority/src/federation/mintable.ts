import { LanyardError } from '@lanyard/api'
import type { Rows, Step } from '../ports.ts'

/**
 * The gate of every way in which we mint: asked in the transaction that opens a lineage, or makes what could open one.
 * Throws `federation_required` while an identity provider vouches for the agents of the tenant.
 */
export function* requireMintable(rows: Rows, tenant: string): Step<void> {
  if (!(yield* rows.idps.federates(tenant))) return
  throw new LanyardError('federation_required', `tenant ${tenant} has an identity provider that vouches for its agents`)
}
