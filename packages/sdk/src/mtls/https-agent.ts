import type { ClientRequest } from 'node:http'
import { Agent, type AgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { type Authorizer, authorize } from '../guard/authorizer.ts'
import { dial } from './dial.ts'
import type { Local } from './local.ts'
import { hasEnded, sessionOf } from './session.ts'

/** Where Node wants to connect to. The other options of a request, `ca` and `rejectUnauthorized` among them, have no say. */
interface Target {
  readonly host?: string
  readonly hostname?: string
  readonly port?: number | string
  readonly signal?: AbortSignal
}

/** An agent for `https.request`, `https.get` and the client of `ws`, to peers that the authorizer accepts. */
export class PeerAgent extends Agent {
  readonly #local: Local
  readonly #authorizer: Authorizer

  constructor(local: Local, authorizer: Authorizer, options: Pick<AgentOptions, 'keepAlive' | 'maxFreeSockets'> = {}) {
    super({ keepAlive: true, ...options, maxCachedSessions: 0 })
    this.#local = local
    this.#authorizer = authorizer
    // Before the listener of Node's agent, which hands a socket that became free to a waiting request.
    this.prependListener('free', (socket: Duplex) => {
      if (!this.#mayCarry(socket)) socket.destroy()
    })
  }

  override createConnection(options: Target, callback: (error: Error | null, socket: Duplex) => void): undefined {
    const host = options.host ?? options.hostname ?? 'localhost'
    const port = Number(options.port ?? 443)
    const failed = (error: Error) => (callback as (error: Error) => void)(error)
    dial(this.#local, { host, port, authorizer: this.#authorizer, alpn: ['http/1.1'], signal: options.signal }).then(
      ({ socket }) => callback(null, socket),
      failed,
    )
    return undefined
  }

  /** Called by Node for each request. Those idle sockets that may not carry it are gone before it looks for one. */
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    const pools = this.freeSockets as Record<string, Duplex[] | undefined>
    for (const [name, sockets = []] of Object.entries(pools)) {
      const kept = sockets.filter(socket => this.#mayCarry(socket) || void socket.destroy())
      if (kept.length > 0) pools[name] = kept
      else delete pools[name]
    }
    const base = Agent.prototype as unknown as { addRequest(request: ClientRequest, ...rest: unknown[]): void }
    base.addRequest.call(this, request, ...rest)
  }

  /** As for the pool of `fetch`: alive, made with the newest certificate, its peer's not ended, and allowed. */
  #mayCarry(socket: Duplex): boolean {
    const session = sessionOf(socket)
    if (session === undefined || socket.destroyed) return false
    // Without news a new connection waits for it, or says that there is none.
    const admission = this.#local.guard.admit(session, false)
    if (admission !== 'yes' && admission !== 'marked') return false
    if (session.own !== this.#local.svid.serial || hasEnded(session.peer, this.#local.time.now())) return false
    try {
      authorize(this.#authorizer, session.peer.id, this.#local.id)
      return true
    } catch {
      return false
    }
  }
}
