import { LanyardError } from '@lanyard/api'
import type { Clock, DeathState, Step, Store } from '@lanyard/authority'
import type { StoreRows } from '../store/ports.ts'

/** What one look at the database saw. */
export interface Sight {
  readonly epoch: number
  /** When the look began, Unix milliseconds. */
  readonly asOf: number
  /** Which database it was, and which of its lives: another after a restoration or a promotion. */
  readonly place: string
  /** `all`: everything that matters, since this look does not continue the one before. */
  readonly told: 'all' | 'changes'
  /** By epoch. */
  readonly deaths: readonly DeathState[]
}

export interface SightPorts {
  readonly store: Pick<Store, 'read'>
  readonly rows: StoreRows
  readonly clock: Clock
}

/** Rows that one look reads at most; beyond, all that matters is read instead. */
const MOST = 50_000

/**
 * Looks at the database once. Reads only what came after `before`, unless the database is another than it was, or has
 * fallen back. Throws `store_unavailable`, also for a replica.
 */
export async function look(before: Sight | null, { store, rows, clock }: SightPorts): Promise<Sight> {
  const asOf = clock.now()
  return await store.read(function* (): Step<Sight> {
    const { epoch, place } = yield* rows.sight.look()
    if (place === null) throw new LanyardError('store_unavailable', 'expected the primary database, got a replica')
    const seen = { asOf, place }
    if (before === null || before.place !== place || epoch < before.epoch) return yield* lookAtAll(rows, epoch, seen)
    if (epoch === before.epoch) return { ...seen, epoch, told: 'changes', deaths: [] }
    const deaths = yield* rows.deaths.since(before.epoch, MOST)
    if (deaths.length >= MOST) return yield* lookAtAll(rows, epoch, seen)
    return { ...seen, epoch: newest(epoch, deaths), told: 'changes', deaths }
  })
}

function* lookAtAll(rows: StoreRows, epoch: number, seen: Pick<Sight, 'asOf' | 'place'>): Step<Sight> {
  const deaths = yield* rows.deaths.all(seen.asOf)
  return { ...seen, epoch: newest(epoch, deaths), told: 'all', deaths }
}

// Between the two statements more may have been committed. Epochs become visible in their order, and each as a whole.
const newest = (epoch: number, deaths: readonly DeathState[]) => Math.max(epoch, deaths.at(-1)?.epoch ?? 0)
