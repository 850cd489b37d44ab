import type { NodeChange, NodeEntry } from '@lanyard/api'
import { isoTime, type ServedEntry } from '@lanyard/authority'

/** Entries and ids of one line at most. */
export const LINE_MAX = 500

export const lineOf = (change: NodeChange): Buffer => Buffer.from(`${JSON.stringify(change)}\n`)

/** What is told at once of entries. */
export interface EntryNews {
  readonly entries: readonly ServedEntry[]
  readonly removed: readonly string[]
  /** Begins a whole sync. */
  readonly reset: boolean
  /** More pages follow. */
  readonly more: boolean
  readonly cursor: string
  /** Of lines that more follow: where to begin again if those do not come. */
  readonly before: string
}

/** One line or several: whoever reads them shall not need to hold one that is as long as all that there is. */
export function entryLines({ entries, removed, reset, more, cursor, before }: EntryNews): readonly Buffer[] {
  const lines: Buffer[] = []
  const count = Math.max(1, Math.ceil(entries.length / LINE_MAX), Math.ceil(removed.length / LINE_MAX))
  for (let place = 0; place < count; place++) {
    const [from, to] = [place * LINE_MAX, (place + 1) * LINE_MAX]
    const follows = more || place < count - 1
    lines.push(
      lineOf({
        kind: 'entries',
        cursor: follows ? before : cursor,
        reset: reset && place === 0,
        more: follows,
        entries: entries.slice(from, to).map(showEntry),
        removed: removed.slice(from, to),
      }),
    )
  }
  return lines
}

const showEntry = (entry: ServedEntry): NodeEntry => ({
  id: entry.id,
  revision: entry.revision,
  tenant: entry.tenant,
  agent: entry.agent,
  spiffe_id: entry.spiffeId,
  selectors: [...entry.selectors],
  x509_ttl_sec: entry.x509TtlSec,
  jwt_ttl_sec: entry.jwtTtlSec,
  hint: entry.hint,
  federates_with: [...entry.federatesWith],
  expires_at: entry.expiresAt === null ? null : isoTime(entry.expiresAt),
  children: entry.children,
  replicas: entry.replicas,
  key_policy: entry.keyPolicy,
  created_at: isoTime(entry.createdAt),
})
