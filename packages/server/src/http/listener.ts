import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import { createServer, type Server, type Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { LanyardError } from '@lanyard/api'
import { Admission } from './admission.ts'
import { PeerChains } from './authenticate/peer-chain.ts'
import { type Connection, connectionOf, mark } from './connection.ts'
import { SessionGuard } from './h2-session.ts'
import type { HttpLimits, HttpServer, Log, ServerTls } from './ports.ts'
import { listenForProxy } from './proxy-socket.ts'
import { isMultiplexed } from './respond.ts'
import { namedContext, withCertificate } from './tls-options.ts'
import { answerUnreadable } from './unreadable.ts'

/** A request of either protocol; HTTP/2 through Node's compatible classes. */
export type AnyRequest = IncomingMessage | Http2ServerRequest
export type AnyResponse = ServerResponse | Http2ServerResponse

/** A request whose head has come. */
export interface Arrival {
  readonly request: AnyRequest
  readonly response: AnyResponse
  readonly connection: Connection
  /** The client waits for `100 Continue` before it sends the body. */
  readonly continues: boolean
}

export interface ListenerParts {
  readonly limits: HttpLimits
  readonly tls: ServerTls
  readonly log: Log
  readonly serve: (arrival: Arrival) => void
  /** Called about once a second, for deadlines. */
  readonly sweep: () => void
  /** Called once, before it closes. */
  readonly stopping: () => void
}

const now = () => performance.now()
/** After so much silence the system asks whether the peer is still there. */
const KEEP_ALIVE_MS = 15_000

/**
 * One port for HTTP/1.1 and HTTP/2 over TLS 1.3. Everything that a peer can do before a request has come is answered
 * for here; none of it ends the process.
 */
export class Listener implements HttpServer {
  readonly #server: Http2SecureServer
  /** Takes connections at a path of this machine, and hands them to the other one. */
  readonly #local: Server
  readonly #fromLocal = new WeakSet<Socket>()
  readonly #limits: HttpLimits
  readonly #log: Log
  readonly #admission: Admission
  readonly #peerChains = new PeerChains()
  readonly #sessions = new Map<ServerHttp2Session, SessionGuard>()
  readonly #sweep: NodeJS.Timeout
  readonly #stopping: () => void
  #named: SecureContext | null
  #closing: Promise<void> | null = null

  constructor({ limits, tls, log, serve, sweep, stopping }: ListenerParts) {
    this.#limits = limits
    this.#stopping = stopping
    this.#log = log
    this.#admission = new Admission(limits, now)
    this.#named = namedContext(tls)
    this.#server = createSecureServer({
      ...withCertificate(tls),
      ...serverLimits(limits),
      SNICallback: (_name, done) => done(null, this.#named ?? undefined),
    })
    this.#local = createServer(socket => this.#takeLocal(socket))
    this.#server.setTimeout(limits.idle_timeout_ms + limits.body_timeout_ms)
    this.#guardConnections()
    this.#guardSessions()
    this.#receive(serve)
    this.#sweep = setInterval(() => this.#sweepAll(sweep), checkEvery(limits)).unref()
  }

  /** Whether it stops, so that replies should end their connections. */
  get closing(): boolean {
    return this.#closing !== null
  }

  /** A request of this connection has authenticated, of this tenant or of a caller of all tenants. */
  prove(connection: Connection, owner: string): void {
    this.#admission.prove(connection, owner)
  }

  /**
   * The reply has no end: no silence and no age ends its connection from now on. Of a peer that vanished the system
   * learns by its probes.
   */
  keep(response: AnyResponse, { raw }: Connection): void {
    raw.setKeepAlive(true, KEEP_ALIVE_MS)
    if (!isMultiplexed(response)) {
      response.socket?.setTimeout(0)
      return
    }
    const { session } = response.stream
    session?.setTimeout(0)
    if (session !== undefined) this.#sessions.get(session as ServerHttp2Session)?.exempt(response.stream)
  }

  listen(host: string, port: number): Promise<{ readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', error => reject(listenError(error, host, port)))
      this.#server.listen({ host, port }, () => {
        this.#server.removeAllListeners('error')
        this.#server.on('error', error => this.#log.error({ error: String(error) }, 'the listener failed'))
        resolve({ port: (this.#server.address() as { port: number }).port })
      })
    })
  }

  async listenForProxy(path: string): Promise<void> {
    await listenForProxy(this.#local, path)
    this.#local.on('error', error => this.#log.error({ error: String(error) }, 'the socket for a proxy failed'))
  }

  // TLS here too: what a proxy says holds secrets, and a file can be replaced.
  #takeLocal(socket: Socket): void {
    this.#fromLocal.add(socket)
    this.#server.emit('connection', socket)
  }

  setTls(tls: ServerTls): void {
    this.#named = namedContext(tls)
    this.#server.setSecureContext(withCertificate(tls))
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.once('close', () => resolve()))
    if (this.#server.listening) this.#server.close()
    else this.#server.emit('close')
    const localClosed = new Promise<void>(resolve => this.#local.close(() => resolve()))
    this.#stopping()
    for (const connection of this.#admission.all()) if (isIdle(connection)) connection.raw.destroy()
    const cut = setTimeout(() => this.#cutAll(), graceMs)
    await Promise.all([closed, localClosed])
    clearTimeout(cut)
    clearInterval(this.#sweep)
  }

  #cutAll(): void {
    for (const connection of this.#admission.all()) connection.raw.destroy()
  }

  // The server's own listeners stand behind ours: whom we refuse they never see, and what they throw we catch.
  #guardConnections(): void {
    this.#gate('connection', socket => this.#admission.admit(socket, this.#fromLocal.has(socket)))
    this.#gate('secureConnection', socket => this.#shookHands(socket as TLSSocket))
    this.#server.on('tlsClientError', (_error, socket) => {
      const connection = this.#admission.find(socket)
      // Once a cipher is agreed on, this was no mistake such as plain HTTP on this port.
      if (connection && socket.getCipher()?.name) this.#admission.handshakeFailed(connection)
      socket.destroy()
    })
  }

  #gate(event: 'connection' | 'secureConnection', admits: (socket: Socket) => boolean): void {
    const behind = this.#server.listeners(event)
    this.#server.removeAllListeners(event)
    this.#server.on(event, (socket: Socket) => {
      try {
        if (admits(socket)) for (const listener of behind) listener.call(this.#server, socket)
        else socket.destroy()
      } catch (error) {
        this.#log.warn({ error: String(error) }, `refused a ${event} that could not be handled`)
        socket.destroy()
      }
    })
  }

  #shookHands(socket: TLSSocket): boolean {
    const connection = this.#admission.find(socket)
    // What was verified at another handshake says nothing about this one.
    if (!connection || socket.isSessionReused()) return false
    socket.on('error', () => {})
    connection.peer = this.#peerChains.read(socket)
    if (connection.peer?.hostile) this.#admission.strike(connection)
    connection.open = true
    connection.multiplexed = socket.alpnProtocol === 'h2'
    mark(socket, connection)
    return !connection.peer?.hostile
  }

  #guardSessions(): void {
    this.#server.on('session', session => {
      const guard = new SessionGuard(session, this.#limits, now)
      this.#sessions.set(session, guard)
      session.on('error', () => session.destroy())
      session.once('close', () => this.#sessions.delete(session))
    })
    this.#server.on('sessionError', () => {})
  }

  #receive(serve: ListenerParts['serve']): void {
    const receive = (continues: boolean) => (request: AnyRequest, response: AnyResponse) => {
      const connection = connectionOf(request.socket)
      request.on('error', () => {})
      response.on('error', () => {})
      if (connection) serve({ request, response, connection, continues })
      else request.destroy()
    }
    this.#server.on('request', receive(false))
    this.#server.on('checkContinue', receive(true))
    this.#server.on('clientError', (error, socket) => answerUnreadable(error, socket as Socket))
  }

  #sweepAll(sweep: () => void): void {
    for (const guard of this.#sessions.values()) guard.sweep()
    sweep()
  }
}

/** Nobody waits for an answer on it. HTTP/2 sessions have said goodbye already and end when their last stream does. */
const isIdle = ({ open, multiplexed, underWay }: Connection) => !open || (!multiplexed && underWay === 0)

/** How often deadlines are looked at: twice within the shortest, at most once a second. */
const checkEvery = (limits: HttpLimits) =>
  Math.min(1000, Math.ceil(Math.min(limits.header_timeout_ms, limits.body_timeout_ms, limits.idle_timeout_ms) / 2))

function serverLimits(limits: HttpLimits) {
  return {
    allowHTTP1: true,
    // Only the plain servers of Node set it by themselves. With Nagle's algorithm the first reply of a connection waits
    // for the acknowledgement of the handshake's last packet, which Linux delays by 40 ms.
    noDelay: true,
    handshakeTimeout: limits.handshake_timeout_ms,
    settings: {
      maxConcurrentStreams: limits.http2_streams,
      maxHeaderListSize: limits.header_bytes,
      // What a stream may send before anyone reads it, so that bodies of strangers stay small.
      initialWindowSize: 16_384,
      enableConnectProtocol: false,
    },
    maxHeaderListPairs: 100,
    maxSettings: 16,
    maxSessionMemory: 4,
    maxSessionInvalidFrames: 16,
    maxSessionRejectedStreams: 16,
    streamResetBurst: limits.http2_resets_per_sec,
    streamResetRate: limits.http2_resets_per_sec,
    http1Options: {
      maxHeaderSize: limits.header_bytes,
      headersTimeout: limits.header_timeout_ms,
      // Only what our own deadline for bodies has not ended already.
      requestTimeout: limits.header_timeout_ms + limits.body_timeout_ms + 5000,
      connectionsCheckingInterval: checkEvery(limits),
      keepAliveTimeout: limits.idle_timeout_ms,
    },
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): unknown {
  if (error.code !== 'EADDRINUSE') return error
  return new LanyardError('address_in_use', `expected ${host} port ${port} to be free`)
}
