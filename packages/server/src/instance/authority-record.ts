import { LanyardError } from '@lanyard/api'
import { eventOf, type Step } from '@lanyard/authority'
import { toHex } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { AuthorityState, StoreRows } from '../store/ports.ts'
import { authorityRow, type HeldKey, type KeptKey } from './held-key.ts'

/** What one turn changes, stored as a whole or not at all. */
export interface AuthorityChange {
  /** UUID of the instance that changes it. */
  readonly instance: string
  /** How many rows the plan was made from. */
  readonly seen: number
  readonly made: readonly HeldKey[]
  readonly retired: readonly KeptKey[]
  /** Facts that belong to the first keys, by key. */
  readonly meta: Readonly<Record<string, string>>
  /** Unix milliseconds. */
  readonly at: number
}

/**
 * Keeps what was made, and ends what it replaces: a retired key loses its sealed half, its certificate stays. Throws
 * `store_unavailable` when another instance changed the authorities meanwhile, `instance_evicted` for one whose
 * authorities are dead: new ones would not be.
 */
export function* recordAuthorities(
  rows: StoreRows,
  { instance, seen, made, retired, meta, at }: AuthorityChange,
): Step<void> {
  if ((yield* rows.instances.find(instance))?.evictedAt != null)
    throw new LanyardError('instance_evicted', `instance ${instance} was put out of service`)
  const there = yield* rows.authorities.list({})
  if (there.length !== seen)
    throw new LanyardError('store_unavailable', `expected ${seen} authorities, found ${there.length}: try again`)
  for (const [key, value] of Object.entries(meta)) yield* rows.meta.set(key, value)
  for (const key of retired) yield* rows.authorities.change(key.keyId, { state: 'retired', sealed: null })
  for (const key of made) yield* insert(rows, authorityRow(key), at)
}

function* insert(rows: StoreRows, row: AuthorityState, at: number): Step<void> {
  yield* rows.authorities.insert(row)
  const act = { caller: 'server', at, source: null, correlation: null } as const
  yield* rows.events.append(eventOf(act, 'authority.created', {}, describe(row)))
}

const describe = ({ keyId, purpose, algorithm, instance, certificate, notAfter }: AuthorityState) => ({
  key_id: keyId,
  purpose,
  algorithm,
  instance,
  not_after_ms: notAfter,
  certificate_sha256: certificate === null ? null : toHex(nodeCrypto.sha256(certificate)),
})
