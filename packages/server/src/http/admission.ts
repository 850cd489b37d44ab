import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Connection } from './connection.ts'
import { openFilesLimit } from './open-files.ts'
import type { HttpLimits } from './ports.ts'
import { networkOf, Strikes } from './strikes.ts'
import { TokenBucket } from './token-bucket.ts'

/** Bytes that an honest handshake stays under, when it fails: nobody gets further than the hello without meaning it. */
const FAILED_HANDSHAKE_BYTES = 4096

/** The share of all places that known callers may take together. The rest is for those who come. */
const KNOWN_SHARE = 0.75
/** Files that the process needs beside its connections: the store, its journal, what it writes at a rotation. */
const OTHER_FILES = 64

/**
 * Who may hold a connection. Strangers are those that no request has authenticated yet: when all places are taken, the
 * oldest stranger makes room, so that whoever opens connections to keep others out loses them first. Known callers keep
 * their places from strangers, but not from each other: beyond their share, the one with the most connections gives one
 * back, so that no tenant keeps the others out.
 */
export class Admission {
  readonly #most: number
  readonly #now: () => number
  readonly #handshakes: TokenBucket
  readonly #strikes: Strikes
  readonly #strangers = new Set<Connection>()
  /** Known connections by their owners, each the oldest first. */
  readonly #known = new Map<string, Set<Connection>>()
  readonly #records = new WeakMap<Socket, Connection>()
  #knownCount = 0

  constructor(
    limits: Pick<HttpLimits, 'connections' | 'handshakes_per_sec'>,
    now: () => number,
    openFiles = openFilesLimit(),
  ) {
    // Beyond that the system refuses connections by itself, without asking whose.
    this.#most = Math.max(1, Math.min(limits.connections, openFiles - OTHER_FILES))
    this.#now = now
    this.#handshakes = new TokenBucket(limits.handshakes_per_sec, limits.handshakes_per_sec, now())
    this.#strikes = new Strikes(now)
  }

  /** Whether a handshake may begin on this socket, which costs us a signature. */
  admit(raw: Socket, byProxySocket = false): boolean {
    const connection = new Connection(raw, byProxySocket)
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

  /** A request has authenticated, of this tenant or of a caller of all tenants: the connection keeps its place. */
  prove(connection: Connection, owner: string): void {
    if (!this.#strangers.delete(connection)) return
    const owned = this.#known.get(owner) ?? new Set()
    this.#known.set(owner, owned.add(connection))
    connection.owner = owner
    this.#knownCount++
    if (this.#knownCount > this.#most * KNOWN_SHARE) this.#evictKnown()
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
    return this.#strangers.size + this.#knownCount
  }

  *all(): Iterable<Connection> {
    yield* this.#strangers
    for (const owned of this.#known.values()) yield* owned
  }

  #evictStranger(): boolean {
    const [oldest] = this.#strangers
    if (oldest === undefined) return false
    this.#strangers.delete(oldest)
    oldest.raw.destroy()
    return true
  }

  /** The oldest connection of whoever has the most; rather one on which nobody waits for an answer. */
  #evictKnown(): void {
    let most: Set<Connection> = new Set()
    for (const owned of this.#known.values()) if (owned.size > most.size) most = owned
    const evicted = most.values().find(({ underWay }) => underWay === 0) ?? most.values().next().value
    if (evicted === undefined) return
    this.#forget(evicted)
    evicted.raw.destroy()
  }

  #forget(connection: Connection): void {
    this.#strangers.delete(connection)
    const { owner } = connection
    const owned = owner === null ? undefined : this.#known.get(owner)
    if (owner === null || !owned?.delete(connection)) return
    this.#knownCount--
    if (owned.size === 0) this.#known.delete(owner)
  }
}
