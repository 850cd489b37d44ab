import type { Socket } from 'node:net'
import type { PeerChain } from './authenticate/peer-chain.ts'

/** One TCP connection, from its acceptance on. */
export class Connection {
  /** Remote address as events and logs tell it, IPv4 in its own form; `proxy-socket` where there is none. */
  readonly source: string
  readonly raw: Socket
  /** It came by the socket that only a proxy of this machine can open. */
  readonly byProxySocket: boolean
  /** The handshake is over. */
  open = false
  /** Its sessions end by themselves once they are told to. */
  multiplexed = false
  /** What the client presented in the handshake; null without a certificate. */
  peer: PeerChain | null = null
  /** Whose it is, once a request has authenticated: a tenant, or a caller of all tenants. */
  owner: string | null = null
  /** Requests that wait for their reply. */
  underWay = 0
  /** Kept when the request that came last has its reply. */
  previous: Promise<void> = Promise.resolve()
  /** The last reply that this connection gets is written, or has begun. */
  ended = false
  /** Without streams of its own, a reply without end has the whole connection. */
  occupied = false
  /** Its caller has died: it ends with the replies that are under way. */
  doomed = false
  /** Refused credentials since the last good one. */
  failures = 0

  constructor(raw: Socket, byProxySocket = false) {
    this.raw = raw
    this.byProxySocket = byProxySocket
    this.source = byProxySocket ? 'proxy-socket' : plainAddress(raw.remoteAddress ?? 'unknown')
  }
}

const CONNECTION = Symbol('connection')

interface Marked {
  [CONNECTION]?: Connection
}

/** Remembers the record on the TLS socket, where every request of the connection finds it. */
export function mark(socket: object, connection: Connection): void {
  ;(socket as Marked)[CONNECTION] = connection
}

/** The record of a request's socket; undefined before the handshake is over. */
export function connectionOf(socket: object): Connection | undefined {
  return (socket as Marked)[CONNECTION]
}

// A dual-stack socket shows IPv4 as ::ffff:192.0.2.1 (RFC 4291, 2.5.5.2).
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
