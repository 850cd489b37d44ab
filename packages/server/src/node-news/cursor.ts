import type { NodeScope } from '@lanyard/authority'
import { type Crypto, encodeBase64Url, encodeUtf8 } from '@lanyard/protocol'

/** Whose revisions a cursor counts: of this database, in one of its lives, as this node sees them. */
export interface Sight extends NodeScope {
  readonly node: string
  /** Changes when the database is restored or promoted. */
  readonly feedId: string
}

/** What a cursor says beside the revision: it means nothing to another node, nor to the same one in other groups. */
export function sightHash({ feedId, node, tenant, groups }: Sight, crypto: Crypto): string {
  const seen = JSON.stringify([feedId, node, tenant, [...groups].sort()])
  return encodeBase64Url(crypto.sha256(encodeUtf8(seen)).subarray(0, 12))
}

export const cursorOf = (revision: number, hash: string): string => `${revision}.${hash}`

/** The revision of a cursor; null where all must be told anew: none, not ours, or of another sight. */
export function revisionOf(cursor: string | null, hash: string): number | null {
  const [, revision, of] = /^(\d{1,15})\.([A-Za-z0-9_-]{16})$/.exec(cursor ?? '') ?? []
  return revision !== undefined && of === hash ? Number(revision) : null
}
