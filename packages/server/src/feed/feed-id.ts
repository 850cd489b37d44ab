import { createHash, randomBytes } from 'node:crypto'
import { exclusiveAll, type Step, type Store } from '@lanyard/authority'
import type { StoreRows } from '../store/ports.ts'

const META = 'feed_id'

/**
 * What the feeds of this store have in common, made by whoever asks first. `wasPutBack`, asked with the epoch that the
 * store is at: then it is made anew, since readers may know of more than the store does.
 */
export async function feedSeed(
  { store, rows }: { readonly store: Store; readonly rows: StoreRows },
  wasPutBack: (epoch: number) => boolean = () => false,
): Promise<string> {
  const { known, epoch } = await store.read(function* () {
    return { known: yield* rows.meta.get(META), epoch: yield* rows.epoch.current() }
  })
  if (known !== undefined && !wasPutBack(epoch)) return known
  const fresh = randomBytes(16).toString('base64url')
  return await store.write(function* (): Step<string> {
    const other = yield* rows.meta.get(META)
    // Another instance was first.
    if (other !== undefined && other !== known) return other
    yield* rows.meta.set(META, fresh)
    return fresh
  }, exclusiveAll)
}

/** The feed of a store in one place. 22 characters. */
export const feedIdOf = (seed: string, place: string): string =>
  createHash('sha256').update(`${seed}\0${place}`).digest().subarray(0, 16).toString('base64url')
