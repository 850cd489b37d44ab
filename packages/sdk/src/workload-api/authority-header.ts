import { parseAuthorityUrl } from '../client/connect.ts'
import type { Metadata } from './grpc.ts'

/** What Lanyard's daemon sends beside X.509-SVIDs. */
export const AUTHORITY_HEADER = 'lanyard-authority'

/**
 * Where the authority is, as the Workload API says; null: it does not say so in a way that can be meant, which must not cost
 * a program its identity. It is as trusted as the bundles are, which come from the same server: the authority must prove
 * itself by them.
 */
export function authorityIn(metadata: Metadata): URL | null {
  const said = metadata[AUTHORITY_HEADER]
  // Node joins several of one name by commas.
  if (typeof said !== 'string' || /[\s,]/.test(said)) return null
  try {
    return parseAuthorityUrl(said)
  } catch {
    return null
  }
}
