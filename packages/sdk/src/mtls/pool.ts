import type { Client } from 'undici'
import { type Authorizer, authorize } from '../guard/authorizer.ts'
import { dial } from './dial.ts'
import type { Local } from './local.ts'
import { hasEnded, type Session } from './session.ts'
import { singleClient } from './single-client.ts'

/** A connection of the pool. */
export interface Connection {
  readonly client: Client
  readonly session: Session
  readonly origin: string
  /** Whether no request was sent on it yet. */
  fresh: boolean
}

/** Connections to peers, kept open between requests and lent to one request at a time. */
export class Pool {
  readonly #local: Local
  readonly #options: Client.Options
  readonly #idle = new Map<string, Set<Connection>>()
  readonly #all = new Set<Connection>()

  constructor(local: Local, options: Client.Options = {}) {
    this.#local = local
    this.#options = options
    local.onRenewed(() => this.#retire())
  }

  /**
   * A connection to `origin` whose peer the authorizer accepts, for one request. With `fresh` it is a new one.
   *
   * @throws as {@link dial}
   */
  async lend(origin: URL, authorizer: Authorizer, fresh = false): Promise<Connection> {
    if (fresh) return this.#open(origin, authorizer)
    // At each request: a connection outlives the news of who is alive.
    await this.#local.guard.ready()
    return this.#take(origin.origin, authorizer) ?? this.#open(origin, authorizer)
  }

  /** Takes a connection back when its request has ended. */
  giveBack(connection: Connection): void {
    connection.fresh = false
    if (this.#usable(connection)) {
      const idle = this.#idle.get(connection.origin)
      if (idle) idle.add(connection)
      else this.#idle.set(connection.origin, new Set([connection]))
    } else this.#drop(connection)
  }

  /** Ends every connection, open requests included. */
  destroy(): void {
    for (const connection of this.#all) this.#drop(connection)
  }

  /** The newest connection that is idle and may carry a request now; those that never may again are closed on the way. */
  #take(origin: string, authorizer: Authorizer): Connection | undefined {
    const idle = [...(this.#idle.get(origin) ?? [])].reverse()
    for (const connection of idle) {
      if (!this.#usable(connection)) this.#drop(connection)
      else if (this.#accepts(connection, authorizer)) {
        this.#idle.get(origin)?.delete(connection)
        return connection
      }
    }
    return undefined
  }

  /** Not gone, made with the newest certificate (the peer judges ours as we judge its), its peer's not ended. */
  #usable({ client, session }: Connection): boolean {
    if (client.destroyed || session.socket.destroyed) return false
    return session.own === this.#local.svid.serial && !hasEnded(session.peer, this.#local.time.now())
  }

  #accepts({ session }: Connection, authorizer: Authorizer): boolean {
    try {
      authorize(authorizer, session.peer.id, this.#local.id)
      return true
    } catch {
      // Another server may answer at this origin under another ID: a new connection decides, and says why if not.
      return false
    }
  }

  async #open(url: URL, authorizer: Authorizer): Promise<Connection> {
    const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
    const port = url.port === '' ? 443 : Number(url.port)
    const { socket, session } = await dial(this.#local, { host, port, authorizer, alpn: ['http/1.1'] })
    const client = singleClient(url.origin, socket, this.#options)
    const connection: Connection = { client, session, origin: url.origin, fresh: true }
    client.on('disconnect', () => this.#drop(connection))
    client.on('connectionError', () => this.#drop(connection))
    this.#all.add(connection)
    return connection
  }

  /** Closes idle connections that were made with an older certificate. Busy ones finish first; see {@link giveBack}. */
  #retire(): void {
    for (const idle of this.#idle.values())
      for (const connection of idle) if (!this.#usable(connection)) this.#drop(connection)
  }

  #drop(connection: Connection): void {
    if (!this.#all.delete(connection)) return
    const idle = this.#idle.get(connection.origin)
    idle?.delete(connection)
    if (idle?.size === 0) this.#idle.delete(connection.origin)
    if (!connection.client.destroyed) connection.client.destroy().catch(() => {})
  }
}
