import type { EventEmitter } from 'node:events'
import type { Http2Session } from 'node:http2'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { BundleSource, Credential, SpiffeId, SubjectKind } from '@lanyard/protocol'
import { IdentityError } from '../errors.ts'

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
  /** The proxy that vouches for it: then not this side has seen it prove its key. Null on a connection of its own. */
  readonly via: SpiffeId | null
}

/** What is ended when an identity ends, and what stands in its way until then. */
export interface Ward {
  readonly peer: Peer
  readonly credential: Credential
  readonly side: 'client' | 'server'
  /** What of its identity is dead; null: nothing that was heard of. */
  dead: SubjectKind | null
  /** When a request was last let in, by the steady clock; 0: never. */
  lastAccept: number
  /** Ends it, with all that goes on there. */
  end(why: IdentityError): void
  /** Ends what is to end for want of news: all but what was declared best effort. */
  endGuarded(why: IdentityError): void
}

export interface SessionParts {
  readonly socket: Duplex & { readonly remoteAddress?: string | undefined }
  readonly peer: Peer
  readonly credential: Credential
  readonly side: 'client' | 'server'
  /** Serial number of the own certificate that the connection was made with. */
  readonly own: string
}

/** One verified connection. */
export class Session implements Ward {
  readonly socket: SessionParts['socket']
  readonly peer: Peer
  readonly credential: Credential
  readonly side: 'client' | 'server'
  readonly own: string
  dead: SubjectKind | null = null
  lastAccept = 0
  #http2: Http2Session | null = null
  /** How to end exchanges that are not best effort; only where some are. */
  readonly #guarded = new Map<EventEmitter, () => void>()
  #bestEffort = 0

  constructor({ socket, peer, credential, side, own }: SessionParts) {
    this.socket = socket
    this.peer = peer
    this.credential = credential
    this.side = side
    this.own = own
  }

  /** HTTP/2 speaks on this connection. */
  carry(http2: Http2Session): void {
    this.#http2 = http2
    bindWard(http2, this)
  }

  /** An exchange that goes on without news, until `until` closes. */
  goesOn(until: EventEmitter): void {
    this.#bestEffort++
    until.once('close', () => this.#bestEffort--)
  }

  /** An exchange that ends without news, beside others that may go on: streams of HTTP/2, requests sent in a row. */
  isGuarded(until: EventEmitter, end: () => void): void {
    this.#guarded.set(until, end)
    until.once('close', () => this.#guarded.delete(until))
  }

  end(why: IdentityError): void {
    this.#http2?.destroy()
    if (this.dead !== null) reset(this.socket)
    // On the own side somebody waits for an answer, and hears why there is none.
    this.socket.destroy(this.side === 'client' ? why : undefined)
  }

  endGuarded(why: IdentityError): void {
    if (this.#bestEffort === 0) this.end(why)
    else for (const end of [...this.#guarded.values()]) end()
  }
}

/**
 * Resets the TCP connection below: an orderly end would still deliver what lies in the send buffer, as often as the network
 * loses it. Only a socket that a server accepted has one below it that can be reset; the others are closed.
 */
function reset(socket: SessionParts['socket']): void {
  const below = (socket as { readonly _parent?: unknown })._parent
  if (!(below instanceof Socket) || below.destroyed) return
  // While it is being shut down the system would refuse, and Node would never close it then: the process could not end.
  if (!isShuttingDown(socket) && !isShuttingDown(below)) below.resetAndDestroy()
}

const isShuttingDown = ({ writableEnded, writableFinished }: Duplex) => writableEnded && !writableFinished

/** Why nobody talks to this peer any longer. */
export function peerDead({ peer, dead }: Pick<Ward, 'peer' | 'dead'>): IdentityError {
  return new IdentityError('peer_dead', `the identity of ${peer.id} was taken away: its ${dead} is dead`)
}

/** Whether the certificate of the peer has ended. Judged at each request: a connection outlives a handshake. */
export function hasEnded(peer: Peer, nowMs: number): boolean {
  return nowMs > (peer.notAfter + SKEW_SEC) * 1000
}

// Weak, so that a session lives as long as its socket; keyed by objects of this process, so that nothing that a peer
// sends can name one.
const wards = new WeakMap<object, Ward>()

/** Whom a socket is of, or another object that stands for it: an HTTP/2 session, a request that was passed on. */
export function wardOf(carrier: unknown): Ward | undefined {
  return typeof carrier === 'object' && carrier !== null ? wards.get(carrier) : undefined
}

/** The session of a socket, or of an HTTP/2 session. */
export function sessionOf(carrier: unknown): Session | undefined {
  const ward = wardOf(carrier)
  return ward instanceof Session ? ward : undefined
}

/** Lets `carrier` stand for it too. */
export function bindWard(carrier: object, ward: Ward): void {
  wards.set(carrier, ward)
}

/** Hears of what is to be guarded. */
export interface WardListener {
  opened(ward: Ward): void
  closed(ward: Ward): void
}

/** The live sessions of one identity. */
export class Sessions {
  readonly #live = new Set<Session>()
  readonly #listener: WardListener

  constructor(listener: WardListener) {
    this.#listener = listener
  }

  add(parts: SessionParts): Session {
    const session = new Session(parts)
    this.#live.add(session)
    bindWard(session.socket, session)
    session.socket.once('close', () => {
      this.#live.delete(session)
      this.#listener.closed(session)
    })
    this.#listener.opened(session)
    return session
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#live.values()
  }

  get size(): number {
    return this.#live.size
  }

  /** Cuts the connections of trust domains that are not believed any more. */
  endUntrusted(bundles: BundleSource): void {
    for (const session of [...this.#live]) {
      const { id } = session.peer
      if (bundles(id.trustDomain) !== undefined) continue
      session.end(new IdentityError('peer_untrusted', `${id.trustDomain} is not trusted any more`))
    }
  }

  /** Cuts every connection. */
  destroy(): void {
    for (const session of this.#live) session.socket.destroy()
  }
}
