import type { TestContext } from 'node:test'
import type { OpenStore } from '../ports.ts'

/** Where a test keeps its store. */
export interface Place {
  /** Opens the store; a second time it finds what the first left, if `keeps`. */
  open(options?: { maxBytes?: number }): Promise<OpenStore>
  /** Whether it outlives being closed. */
  readonly keeps: boolean
  remove(): void
}

/** An open store that goes away with the test. */
export async function opened(t: TestContext, make: () => Place, options?: { maxBytes?: number }): Promise<OpenStore> {
  const place = make()
  const open = await place.open(options)
  t.after(async () => {
    await open.close()
    place.remove()
  })
  return open
}
