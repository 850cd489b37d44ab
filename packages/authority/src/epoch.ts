import type { Rows, Step } from './ports.ts'

/** A step with the epoch that it leaves behind, to be told once it is durable. */
export function withEpoch<T>(
  run: () => Step<T>,
  rows: Pick<Rows, 'epoch'>,
): () => Step<{ readonly done: T; readonly epoch: number }> {
  return function* () {
    const done = yield* run()
    return { done, epoch: yield* rows.epoch.current() }
  }
}
