import type { Socket } from 'node:net'
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
  readonly #byEnds = new Map<string, Connection>()

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
    const ends = endsOf(raw)
    this.#strangers.add(connection)
    this.#byEnds.set(ends, connection)
    raw.once('close', () => this.#forget(ends, connection))
    return true
  }

  /** The record of an admitted connection; `socket` is it or the TLS socket on top of it. */
  find(socket: Socket): Connection | undefined {
    return this.#byEnds.get(endsOf(socket))
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

  #forget(ends: string, connection: Connection): void {
    this.#strangers.delete(connection)
    this.#proven.delete(connection)
    this.#byEnds.delete(ends)
  }
}

// A TLS socket does not tell which TCP socket it stands on, but both name the same two ends.
const endsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket) =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
