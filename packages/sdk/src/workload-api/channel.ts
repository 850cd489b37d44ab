import { IdentityError } from '../errors.ts'
import { GrpcConnection, type Metadata } from './grpc.ts'
import type { Place } from './options.ts'

const UNARY_TIMEOUT_MS = 30_000

export interface CallOptions {
  /** Gives up. */
  readonly signal?: AbortSignal | undefined
}

/** How many messages answer a call. */
export type Answers = 'unary' | 'stream'

/** Calls of the Workload API, over one connection that is made when there is none. */
export class Channel {
  readonly place: Place
  #connection: Promise<GrpcConnection> | null = null
  #closed = false

  constructor(place: Place) {
    this.place = place
  }

  /**
   * Calls, and hands over each message with the metadata of the call, until the call ends. It does not keep the process alive.
   *
   * @throws IdentityError as {@link GrpcConnection}
   */
  async stream(
    rpc: string,
    message: Uint8Array,
    onMessage: (bytes: Uint8Array, metadata: Metadata) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const connection = await this.#connected()
    await connection.call({ path: pathOf(rpc), message, onMessage, signal })
  }

  /**
   * The answer: the only message of a unary call, the first one of a stream, which is left then.
   *
   * @throws IdentityError as {@link GrpcConnection}, and `workload_api_unavailable` when none comes in time
   */
  async ask(rpc: string, message: Uint8Array, answers: Answers, { signal }: CallOptions = {}): Promise<Uint8Array> {
    const done = new AbortController()
    const onAbort = () => done.abort(signal?.reason)
    signal?.throwIfAborted()
    signal?.addEventListener('abort', onAbort, { once: true })
    const late = new IdentityError('workload_api_unavailable', `expected an answer within ${UNARY_TIMEOUT_MS} ms`)
    const cancel = this.place.time.after(UNARY_TIMEOUT_MS, () => done.abort(late), { hold: true })
    let answer: Uint8Array | undefined
    try {
      const connection = await this.#connected()
      const onMessage = (bytes: Uint8Array) => {
        answer ??= bytes
        if (answers === 'stream') done.abort(ENOUGH)
      }
      await connection.call({ path: pathOf(rpc), message, onMessage, signal: done.signal, hold: true })
    } catch (error) {
      if (error !== ENOUGH) throw error
    } finally {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    if (answer !== undefined) return answer
    throw new IdentityError('workload_api_reply_invalid', `expected an answer to ${rpc}, got none`)
  }

  /** Ends the calls under way; there are no more. */
  close(): void {
    this.#closed = true
    this.#connection?.then(
      connection => connection.close(),
      () => {},
    )
  }

  async #connected(): Promise<GrpcConnection> {
    if (this.#closed) throw new IdentityError('identity_closed', 'the client of the Workload API was closed')
    const { endpoint, uids } = this.place
    this.#connection ??= GrpcConnection.open(endpoint, uids)
    const made = this.#connection
    const connection = await made.catch(error => {
      if (this.#connection === made) this.#connection = null
      throw error
    })
    if (!connection.closed) return connection
    if (this.#connection === made) this.#connection = null
    return this.#connected()
  }
}

const ENOUGH = Symbol('the answer is there')
const pathOf = (rpc: string) => `/SpiffeWorkloadAPI/${rpc}`
