import { Dispatcher, errors } from 'undici'
import { codeOf, IdentityError } from '../errors.ts'
import type { Authorizer } from '../guard/authorizer.ts'
import type { Connection, Pool } from './pool.ts'
import { Relay, StableController } from './relay.ts'

/** Connections tried for one request. */
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
    void this.#dispatch({ options, handler, controller: new StableController(), attempt: 1 })
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

  async #dispatch(sending: Sending): Promise<void> {
    const { options, handler, attempt } = sending
    try {
      if (this.#closed) throw new errors.ClientClosedError()
      const connection = await this.#pool.lend(originOf(options), this.#authorizer, attempt > 1)
      this.#send(connection, sending)
    } catch (error) {
      handler.onResponseError?.(sending.controller, error as Error)
    }
  }

  #send(connection: Connection, sending: Sending): void {
    const { client, fresh, origin } = connection
    const { options, handler, controller, attempt } = sending
    const relay = new Relay(handler, controller, {
      // In the next microtask undici has let go of the connection.
      done: () => queueMicrotask(() => this.#pool.giveBack(connection)),
      failed: (error, sent) => {
        const gone = client.destroyed || connection.session.socket.destroyed
        const again = gone && attempt < MAX_TRIES && (!sent || (!fresh && isClosed(error) && isRepeatable(options)))
        if (again) void this.#dispatch({ ...sending, attempt: attempt + 1 })
        return again
      },
      explain: error => (fresh ? explain(error, connection) : error),
    })
    // A constant name: undici would leave the connection when the Host header of a request names another.
    client.dispatch({ ...options, origin, servername: 'peer' } as Dispatcher.DispatchOptions, relay)
  }
}

/** A request on its way. */
interface Sending {
  readonly options: Dispatcher.DispatchOptions
  readonly handler: Dispatcher.DispatchHandler
  readonly controller: StableController
  readonly attempt: number
}

/**
 * Whether a request that may have left can be sent again: a safe one without a body, which an idle connection that the
 * server was just closing has lost (RFC 9110, 9.2.2).
 */
function isRepeatable({ method, body, upgrade }: Dispatcher.DispatchOptions): boolean {
  return (
    (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') && (body === null || body === undefined) && !upgrade
  )
}

function isClosed(error: Error): boolean {
  return 'code' in error && /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(String(error.code))
}

function originOf({ origin }: Dispatcher.DispatchOptions): URL {
  if (origin === undefined) throw new errors.InvalidArgumentError('origin is missing')
  const url = new URL(origin)
  if (url.protocol !== 'https:') throw new IdentityError('url_not_https', `expected an https: URL, got ${url.protocol}`)
  return url
}

/**
 * Under TLS 1.3 a handshake ends for the client before the server has judged it: a server that refuses the certificate
 * shows itself in place of the first answer.
 */
function explain(error: Error, { session }: Connection): Error {
  const code = codeOf(error)
  if (!code.startsWith('ERR_SSL_') && !isClosed(error)) return error
  return new IdentityError('peer_closed', `${session.peer.id} closed the connection before its first answer: ${code}`, {
    cause: error,
  })
}
