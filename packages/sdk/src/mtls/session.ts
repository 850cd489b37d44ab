import type { Duplex } from 'node:stream'
import type { SpiffeId } from '@lanyard/protocol'

/** By how much the clocks of two sides may differ, in seconds. */
export const SKEW_SEC = 10

/** Who stands at the other end of a connection, proved. */
export interface Peer {
  /** Its SPIFFE ID, from the certificate whose key it proved. */
  readonly id: SpiffeId
  /** Serial number of its certificate, lower-case hex. */
  readonly serial: string
  /** When what it proved itself with ends: Unix seconds, the earliest on its path. */
  readonly notAfter: number
}

/** One verified connection. */
export interface Session {
  readonly socket: Duplex & { readonly remoteAddress?: string | undefined }
  readonly peer: Peer
  readonly side: 'client' | 'server'
  /** Serial number of the own certificate that the connection was made with. */
  readonly own: string
}

/** Whether the certificate of the peer has ended. Judged at each request: a connection outlives a handshake. */
export function hasEnded(peer: Peer, nowMs: number): boolean {
  return nowMs > (peer.notAfter + SKEW_SEC) * 1000
}

// Weak, so that a session lives as long as its socket; keyed by objects of this process, so that nothing that a peer
// sends can name one.
const sessions = new WeakMap<object, Session>()

/** The session of a socket, or of another object that stands for it, such as an HTTP/2 session. */
export function sessionOf(carrier: unknown): Session | undefined {
  return typeof carrier === 'object' && carrier !== null ? sessions.get(carrier) : undefined
}

/** Lets `carrier` stand for a session too. */
export function bindSession(carrier: object, session: Session): void {
  sessions.set(carrier, session)
}

/** The live sessions of one identity. */
export class Sessions {
  readonly #live = new Set<Session>()

  add(session: Session): Session {
    this.#live.add(session)
    bindSession(session.socket, session)
    session.socket.once('close', () => this.#live.delete(session))
    return session
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#live.values()
  }

  get size(): number {
    return this.#live.size
  }

  /** Cuts every connection. */
  destroy(): void {
    for (const session of this.#live) session.socket.destroy()
  }
}
