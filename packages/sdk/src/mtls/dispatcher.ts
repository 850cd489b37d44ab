import { Dispatcher, errors } from 'undici'
import { IdentityError } from '../errors.ts'
import type { Authorizer } from '../guard/authorizer.ts'
import type { Connection, Pool } from './pool.ts'
import { Relay } from './relay.ts'

/** Connections tried for one request that was never sent on any of them. */
const MAX_TRIES = 3

/**
 * Sends requests to peers that the authorizer accepts. It is asked for each request, a redirected one too, on a pooled
 * connection too, and before a byte is sent.
 */
export class PeerDispatcher extends Dispatcher {
  readonly #pool: Pool
  readonly #authorizer: Authorizer
  #closed = false

  constructor(pool: Pool, authorizer: Authorizer) {
    super()
    this.#pool = pool
    this.#authorizer = authorizer
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    void this.#dispatch(options, handler, 1)
    return true
  }

  /** Takes no more requests. The connections belong to the identity and stay. */
  override close(callback: () => void): void
  override close(): Promise<void>
  override close(callback?: () => void): unknown {
    this.#closed = true
    if (callback === undefined) return Promise.resolve()
    queueMicrotask(callback)
    return undefined
  }

  /** As {@link close}. */
  override destroy(error: Error | null, callback: () => void): void
  override destroy(callback: () => void): void
  override destroy(error?: Error | null): Promise<void>
  override destroy(...args: unknown[]): unknown {
    const callback = args.find((each): each is () => void => typeof each === 'function')
    return callback ? this.close(callback) : this.close()
  }

  async #dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, attempt: number) {
    try {
      if (this.#closed) throw new errors.ClientClosedError()
      const connection = await this.#pool.lend(originOf(options), this.#authorizer, attempt > 1)
      this.#send(connection, options, handler, attempt)
    } catch (error) {
      fail(handler, error as Error)
    }
  }

  #send(
    connection: Connection,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
    attempt: number,
  ): void {
    const { client, fresh, origin } = connection
    // In the next microtask undici has let go of the connection.
    const giveBack = () => queueMicrotask(() => this.#pool.giveBack(connection))
    const relay = new Relay(handler, {
      done: giveBack,
      unsent: error => {
        giveBack()
        const gone = client.destroyed || connection.session.socket.destroyed
        if (gone && attempt < MAX_TRIES) void this.#dispatch(options, handler, attempt + 1)
        else fail(handler, error)
      },
      explain: error => (fresh ? explain(error, connection) : error),
    })
    // A constant name: undici would leave the connection when the Host header of a request names another.
    client.dispatch({ ...options, origin, servername: 'peer' } as Dispatcher.DispatchOptions, relay)
  }
}

function originOf({ origin }: Dispatcher.DispatchOptions): URL {
  if (origin === undefined) throw new errors.InvalidArgumentError('origin is missing')
  const url = new URL(origin)
  if (url.protocol !== 'https:') throw new IdentityError('url_not_https', `expected an https: URL, got ${url.protocol}`)
  return url
}

function fail(handler: Dispatcher.DispatchHandler, error: Error): void {
  // As undici does for a request that never had a connection: there is no controller.
  handler.onResponseError?.(null as unknown as Dispatcher.DispatchController, error)
}

/**
 * Under TLS 1.3 a handshake ends for the client before the server has judged it: a server that refuses the certificate
 * shows itself in place of the first answer.
 */
function explain(error: Error, { session }: Connection): Error {
  const code = 'code' in error ? String(error.code) : ''
  if (!/^(ERR_SSL_|ECONNRESET|EPIPE|UND_ERR_SOCKET)/.test(code)) return error
  return new IdentityError('peer_closed', `${session.peer.id} closed the connection before its first answer: ${code}`, {
    cause: error,
  })
}
