import { createHash } from 'node:crypto'
import type { Locks } from '@lanyard/authority'

type Mode = Locks['mode']

/** What a transaction locks: the trust domain, then tenants by name. */
export interface LockPlan {
  readonly trustDomain: Mode
  /** Sorted by name, so that no two transactions wait for each other. */
  readonly tenants: readonly (readonly [string, Mode])[]
}

/** The least that holds for every step of a group: where one wants to be alone, the group is. */
export function gather(all: readonly Locks[]): LockPlan {
  const whole = all.filter(({ tenants }) => tenants === 'all')
  if (whole.some(({ mode }) => mode === 'exclusive')) return { trustDomain: 'exclusive', tenants: [] }
  const modes = new Map<string, Mode>()
  for (const { mode, tenants } of all) {
    if (tenants === 'all') continue
    for (const tenant of tenants) if (mode === 'exclusive' || !modes.has(tenant)) modes.set(tenant, mode)
  }
  return { trustDomain: 'shared', tenants: [...modes].sort(([a], [b]) => (a < b ? -1 : 1)) }
}

/**
 * The statements that take the locks, which end with the transaction. Advisory locks rather than row locks: shared row
 * locks let newcomers pass a transaction that waits to be alone, so that a steady flow of certificates would keep a
 * kill out; the queue of advisory locks is fair.
 */
export function lockSql(plan: LockPlan, trustDomain: string): string[] {
  return [
    lock(plan.trustDomain, lockKey('trust-domain', trustDomain)),
    ...plan.tenants.map(([tenant, mode]) => lock(mode, lockKey('tenant', trustDomain, tenant))),
  ]
}

const lock = (mode: Mode, key: bigint): string =>
  `select pg_advisory_xact_lock${mode === 'shared' ? '_shared' : ''}(${key})`

/** 64 bits of SHA-256, signed as PostgreSQL wants them. */
export function lockKey(...names: readonly string[]): bigint {
  return createHash('sha256')
    .update(['lanyard', ...names].join('\0'))
    .digest()
    .readBigInt64BE()
}
