import { IdentityError } from '../errors.ts'
import type { TimeSource } from '../time.ts'
import { MISTAKES, Withheld } from './status.ts'
import type { WatchListener } from './watch.ts'

const START_TIMEOUT_MS = 60_000

/** How long a source may take to have something. */
export interface OpenOptions {
  /** In milliseconds; a minute when absent. */
  readonly startTimeoutMs?: number
  /** Gives up the start. */
  readonly signal?: AbortSignal
}

/** What a source holds: the newest state, or why there is none. */
export class SourceState<T> implements WatchListener<T> {
  readonly #listeners = new Set<() => void>()
  readonly #first = Promise.withResolvers<void>()
  #held: { readonly state: T } | { readonly error: IdentityError }

  constructor() {
    this.#held = { error: new IdentityError('workload_api_unavailable', 'the Workload API has not answered') }
    this.#first.promise.catch(() => {})
  }

  /** @throws IdentityError why there is none: what was given before is not given out any more */
  get now(): T {
    if ('state' in this.#held) return this.#held.state
    throw this.#held.error
  }

  onState(state: T): void {
    this.#held = { state }
    this.#first.resolve()
    this.#tell()
  }

  onFailed(error: IdentityError, retryAt: number | null): void {
    const had = 'state' in this.#held
    // Out of reach is not taken back: what was given holds until it ends.
    if (!had || error instanceof Withheld) this.#held = { error }
    if (retryAt === null || MISTAKES.has(error.code)) this.#first.reject(error)
    if (had && error instanceof Withheld) this.#tell()
  }

  /** Calls at each new state, and when what there was is taken back. Gives what ends it. */
  onUpdate(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** From now on there is nothing. */
  close(): void {
    const error = new IdentityError('identity_closed', 'the source was closed')
    this.#held = { error }
    this.#first.reject(error)
  }

  /** Kept once there is a first state. Throws IdentityError, and the reason of the signal. */
  async opened({ startTimeoutMs = START_TIMEOUT_MS, signal }: OpenOptions, time: TimeSource): Promise<void> {
    const onAbort = () => this.#first.reject(signal?.reason)
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const cancel = time.after(
      startTimeoutMs,
      () => this.#first.reject('error' in this.#held ? this.#held.error : null),
      { hold: true },
    )
    try {
      await this.#first.promise
    } finally {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** In their own turn: what one of them throws is not for whoever brought the news. */
  #tell(): void {
    for (const listener of this.#listeners) queueMicrotask(listener)
  }
}
