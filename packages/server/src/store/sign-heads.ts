import { shared } from '@lanyard/authority'
import type { ChainHead, OpenStore, SignedHead } from './ports.ts'

/**
 * Signs where the chains of this instance stand, if they have grown since they were signed last. `sign` gives a compact
 * JWS over the head that it gets; who holds one can later tell whether rows up to it were changed or removed.
 */
export async function signHeads(
  { store, rows, writers }: Pick<OpenStore, 'store' | 'rows' | 'writers'>,
  at: number,
  sign: (head: ChainHead & { readonly at: number }) => string | Promise<string>,
): Promise<readonly SignedHead[]> {
  const grown = await store.read(function* () {
    const heads: ChainHead[] = []
    for (const writer of writers)
      for (const head of yield* rows.heads.current(writer)) {
        const { items } = yield* rows.heads.list(head, { limit: 1, after: null })
        if (head.seq > (items[0]?.seq ?? 0)) heads.push(head)
      }
    return heads
  })
  const signed = await Promise.all(grown.map(async head => ({ ...head, at, signature: await sign({ ...head, at }) })))
  await store.write(function* () {
    for (const head of signed) yield* rows.heads.insert(head)
  }, shared())
  return signed
}
