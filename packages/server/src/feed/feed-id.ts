import { createHash, randomBytes } from 'node:crypto'
import { exclusiveAll, type Step, type Store } from '@lanyard/authority'
import type { StoreRows } from '../store/ports.ts'

const META = 'feed_id'

/** What the feeds of this store have in common, made by whoever asks first. */
export async function feedSeed({ store, rows }: { readonly store: Store; readonly rows: StoreRows }): Promise<string> {
  const known = await store.read(() => rows.meta.get(META))
  if (known !== undefined) return known
  const fresh = randomBytes(16).toString('base64url')
  return await store.write(function* (): Step<string> {
    const other = yield* rows.meta.get(META)
    if (other !== undefined) return other
    yield* rows.meta.set(META, fresh)
    return fresh
  }, exclusiveAll)
}

/** The feed of a store in one place. 22 characters. */
export const feedIdOf = (seed: string, place: string): string =>
  createHash('sha256').update(`${seed}\0${place}`).digest().subarray(0, 16).toString('base64url')
