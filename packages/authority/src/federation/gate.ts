import { LanyardError } from '@lanyard/api'
import type { LineageState, Rows, Step } from '../ports.ts'

/** Whether an identity provider vouched for it. */
export const isFederated = ({ mintedBy }: Pick<LineageState, 'mintedBy'>): boolean => mintedBy.startsWith('idp:')

/**
 * Asks, inside the transaction that would mint, whether we may mint for a tenant at all. While an identity provider
 * vouches for its agents we do for nobody, whatever their role. Throws `federation_required`.
 */
export function* requireMintable(rows: Pick<Rows, 'idps'>, tenant: string): Step<void> {
  if (yield* rows.idps.federates(tenant))
    throw new LanyardError('federation_required', `an identity provider vouches for the agents of tenant ${tenant}`)
}

/**
 * Stores a new lineage: the only way to one, and so the place that no door of ours can pass by for a tenant whose own
 * identity provider vouches. Throws `federation_required`.
 */
export function* storeLineage(rows: Rows, lineage: LineageState): Step<void> {
  if (!isFederated(lineage)) yield* requireMintable(rows, lineage.tenant)
  yield* rows.lineages.insert(lineage)
}
