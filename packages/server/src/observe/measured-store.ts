import type { Store } from '@lanyard/authority'
import { isRefusal } from '../http/problem.ts'
import type { ServerMeters } from './server-meters.ts'

type Lane = 'read' | 'write' | 'urgent'

/** The same store, its transactions measured from the call to the end: what waits in a queue counts too. */
export function measuredStore(store: Store, meters: ServerMeters): Store {
  const measured = async <T>(lane: Lane, run: () => Promise<T>): Promise<T> => {
    const began = performance.now()
    try {
      return await run()
    } catch (error) {
      // What a step decided is no failure of the store.
      if (!isRefusal(error) || error.code === 'store_unavailable') meters.count('store_failures', { lane })
      throw error
    } finally {
      meters.time('store', (performance.now() - began) / 1000, { lane })
    }
  }
  return {
    read: step => measured('read', () => store.read(step)),
    write: (step, locks) => measured('write', () => store.write(step, locks)),
    urgent: (step, locks) => measured('urgent', () => store.urgent(step, locks)),
  }
}

/** The same data with its {@link measuredStore}. */
export const measuredData = <T extends { readonly store: Store }>(data: T, meters: ServerMeters): T => ({
  ...data,
  store: measuredStore(data.store, meters),
})
