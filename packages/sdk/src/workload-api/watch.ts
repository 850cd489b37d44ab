import { asIdentityError, type IdentityError } from '../errors.ts'
import { backoff } from '../identity/backoff.ts'
import type { TimeSource } from '../time.ts'
import type { Channel } from './channel.ts'
import type { Metadata } from './grpc.ts'

/** What is followed, and how it is read. */
export interface Watched<T> {
  readonly rpc: string
  readonly message: Uint8Array
  /** @throws IdentityError for what does not hold */
  readonly read: (bytes: Uint8Array, metadata: Metadata) => T
}

/** What a message says by itself, so that it can be asked for once as well. */
export interface Fetched<T> extends Watched<T> {
  readonly read: (bytes: Uint8Array) => T
}

/** Hears of what is followed. */
export interface WatchListener<T> {
  /** All that there is now: what is absent was withdrawn. */
  onState(state: T): void
  /** There is none now, or it cannot be had; it is tried again at `retryAt` (Unix milliseconds), null: never. */
  onFailed(error: IdentityError, retryAt: number | null, failures: number): void
}

/** Refusals that a further attempt would not change (SPIFFE Workload API, 6.2: InvalidArgument must not be retried). */
const FINAL: ReadonlySet<string> = new Set(['workload_api_refused', 'workload_api_unsupported', 'identity_closed'])

/** Follows one stream of the Workload API for as long as it is wanted: when it breaks off, it is opened again. */
export class Watch<T> {
  readonly #channel: Channel
  readonly #watched: Watched<T>
  readonly #listener: WatchListener<T>
  readonly #random: () => number
  #present: AbortController | null = null
  #cancelWait = () => {}
  #failures = 0
  #stopped = false

  constructor(channel: Channel, watched: Watched<T>, listener: WatchListener<T>, random: () => number = Math.random) {
    this.#channel = channel
    this.#watched = watched
    this.#listener = listener
    this.#random = random
  }

  /** Opens the stream now, in place of one that is open or that would be opened later. */
  start(): this {
    this.#cancelWait()
    this.#present?.abort(REPLACED)
    if (!this.#stopped) void this.#run()
    return this
  }

  stop(): void {
    this.#stopped = true
    this.#cancelWait()
    this.#present?.abort(REPLACED)
  }

  async #run(): Promise<void> {
    const present = new AbortController()
    this.#present = present
    const { rpc, message, read } = this.#watched
    const onMessage = (bytes: Uint8Array, metadata: Metadata) => {
      if (present.signal.aborted) return
      const state = read(bytes, metadata)
      this.#failures = 0
      this.#listener.onState(state)
    }
    let error: unknown = null
    try {
      await this.#channel.stream(rpc, message, onMessage, present.signal)
    } catch (cause) {
      error = cause
    }
    if (present === this.#present && !present.signal.aborted) this.#ended(error)
  }

  #ended(cause: unknown): void {
    const time: TimeSource = this.#channel.place.time
    this.#failures++
    const wait = backoff(this.#failures, this.#random)
    // A server that ends a stream with OK, as when it stops, has taken nothing away.
    const error = cause === null ? null : asIdentityError(cause)
    const final = error !== null && FINAL.has(error.code)
    if (!final) this.#cancelWait = time.after(wait, () => this.start())
    if (error !== null) this.#listener.onFailed(error, final ? null : time.now() + wait, this.#failures)
  }
}

const REPLACED = Symbol('the stream is not wanted any more')
