import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Connection } from './connection.ts'
import type { HttpLimits } from './ports.ts'
import { networkOf, Strikes } from './strikes.ts'
import { TokenBucket } from './token-bucket.ts'

/** Bytes that an honest handshake stays under, when it fails: nobody gets further than the hello without meaning it. */
const FAILED_HANDSHAKE_BYTES = 4096

/**
 * Who may hold a connection. Strangers are those that no request has authenticated yet: when all places are taken, the
 * oldest stranger makes room, so that whoever opens connections to keep others out loses them first.
 */
export class Admission {
  readonly #most: number
  readonly #now: () => number
  readonly #handshakes: TokenBucket
  readonly #strikes: Strikes
  readonly #strangers = new Set<Connection>()
  readonly #proven = new Set<Connection>()
  readonly #records = new WeakMap<Socket, Connection>()

  constructor(limits: Pick<HttpLimits, 'connections' | 'handshakes_per_sec'>, now: () => number) {
    this.#most = limits.connections
    this.#now = now
    this.#handshakes = new TokenBucket(limits.handshakes_per_sec, limits.handshakes_per_sec, now())
    this.#strikes = new Strikes(now)
  }

  /** Whether a handshake may begin on this socket, which costs us a signature. */
  admit(raw: Socket): boolean {
    const connection = new Connection(raw)
    if (this.#strikes.refuses(networkOf(connection.source))) return false
    if (this.#handshakes.take(this.#now()) > 0) return false
    if (this.size >= this.#most && !this.#evictStranger()) return false
    this.#strangers.add(connection)
    this.#records.set(raw, connection)
    raw.once('close', () => this.#forget(connection))
    return true
  }

  /** The record of the connection that a TLS socket stands on. */
  find(socket: TLSSocket): Connection | undefined {
    // Undocumented, and the only link between the two; by addresses they cannot be matched once the peer has gone.
    const { _parent: raw } = socket as unknown as { _parent: Socket }
    return this.#records.get(raw)
  }

  /** A request has authenticated: this connection keeps its place. */
  prove(connection: Connection): void {
    if (this.#strangers.delete(connection)) this.#proven.add(connection)
  }

  /** Notes a handshake that no honest client sends. */
  strike(connection: Connection): void {
    this.#strikes.add(networkOf(connection.source))
  }

  /** Judges a handshake that failed: with a whole certificate chain behind it, it cost as much as one that did not. */
  handshakeFailed(connection: Connection): void {
    if (connection.raw.bytesRead > FAILED_HANDSHAKE_BYTES) this.strike(connection)
  }

  get size(): number {
    return this.#strangers.size + this.#proven.size
  }

  *all(): Iterable<Connection> {
    yield* this.#strangers
    yield* this.#proven
  }

  #evictStranger(): boolean {
    const [oldest] = this.#strangers
    if (oldest === undefined) return false
    this.#strangers.delete(oldest)
    oldest.raw.destroy()
    return true
  }

  #forget(connection: Connection): void {
    this.#strangers.delete(connection)
    this.#proven.delete(connection)
  }
}
