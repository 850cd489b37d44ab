import { hash } from 'node:crypto'
import type { EntryState } from '@lanyard/authority'
import type { Selectable } from 'kysely'
import { bytesOfHex, hexOf } from '../encoding.ts'
import type { EntryTable } from '../schema.ts'

export type EntryRow = Selectable<EntryTable> & { tenant: string; agent: string; spiffe_id: string }

export const entryOf = (row: EntryRow): EntryState => ({
  id: hexOf(row.id),
  tenant: row.tenant,
  agent: row.agent,
  spiffeId: row.spiffe_id,
  selectors: JSON.parse(row.selectors) as string[],
  parent: row.parent,
  x509TtlSec: row.x509_ttl_sec,
  jwtTtlSec: row.jwt_ttl_sec,
  dnsNames: JSON.parse(row.dns_names) as string[],
  hint: row.hint,
  federatesWith: JSON.parse(row.federates_with) as string[],
  expiresAt: row.expires_at,
  children: row.children === 1,
  replicas: row.replicas,
  revision: row.revision,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

/** Columns that a change may write. */
export const writtenEntry = (entry: EntryState) => ({
  id: bytesOfHex(entry.id),
  parent: entry.parent,
  selectors: JSON.stringify(entry.selectors),
  shape: shapeOf(entry),
  x509TtlSec: entry.x509TtlSec,
  jwtTtlSec: entry.jwtTtlSec,
  dnsNames: JSON.stringify(entry.dnsNames),
  hint: entry.hint,
  federatesWith: JSON.stringify(entry.federatesWith),
  expiresAt: entry.expiresAt,
  children: entry.children ? 1 : 0,
  replicas: entry.replicas,
  revision: entry.revision,
  updatedAt: entry.updatedAt,
})

/** What makes two entries of one agent the same one. */
export const shapeOf = ({ parent, selectors }: Pick<EntryState, 'parent' | 'selectors'>): Uint8Array =>
  hash('sha256', JSON.stringify([parent, ...selectors]), 'buffer')
