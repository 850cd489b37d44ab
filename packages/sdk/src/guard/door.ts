import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse, Http2Session, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type TLSSocket, Server as TlsServer } from 'node:tls'
import { codeOf, IdentityError } from '../errors.ts'
import type { Local } from '../mtls/local.ts'
import { provePeer } from '../mtls/peer.ts'
import { bindSession, hasEnded, type Session, sessionOf } from '../mtls/session.ts'
import { type Authorizer, authorize } from './authorizer.ts'
import { type Refusal, refuseRequest, refuseStream, refuseUpgrade } from './refusal.ts'

const guarded = new WeakSet<TlsServer>()

type Emit = (event: string | symbol, ...args: unknown[]) => boolean

/**
 * Stands in a TLS server between its network side and its handlers. All that happens there is announced by `emit`, so
 * that is the one place which no handler can be reached around, whenever it was added.
 */
export class Door {
  readonly #local: Local
  readonly #allow: Authorizer
  readonly #pass: Emit
  // The session of HTTP/2 is announced while its socket is.
  #arriving: Session | null = null

  private constructor(local: Local, allow: Authorizer, server: TlsServer) {
    this.#local = local
    this.#allow = allow
    this.#pass = server.emit.bind(server) as Emit
  }

  /** @throws TypeError for a server that is not a TLS server, or that listens already */
  static install(local: Local, allow: Authorizer, server: TlsServer): void {
    if (!(server instanceof TlsServer)) throw new TypeError('expected a server of node:https, node:http2 or node:tls')
    if (server.listening) throw new TypeError('expected a server that does not listen yet')
    if (guarded.has(server)) throw new TypeError('expected a server that is not protected yet')
    guarded.add(server)
    const door = new Door(local, allow, server)
    server.emit = door.#emit as typeof server.emit
    // Without a listener Node would answer "100 Continue" before anyone has judged the request.
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      if (server.listenerCount('checkContinue') > 1) return
      response.writeContinue()
      server.emit('request', request, response)
    })
  }

  #emit: Emit = (event, ...args) => {
    switch (event) {
      case 'secureConnection':
        return this.#admit(args[0] as TLSSocket)
      case 'tlsClientError':
        this.#local.refused(handshakeError(args[0] as Error, args[1] as TLSSocket), args[1] as TLSSocket)
        return this.#pass(event, ...args)
      case 'session':
        if (this.#arriving !== null) bindSession(args[0] as Http2Session, this.#arriving)
        return this.#pass(event, ...args)
      case 'request':
      case 'checkContinue':
      case 'checkExpectation':
        return (
          this.#request(args[0] as IncomingMessage | Http2ServerRequest, args[1] as ServerResponse) ||
          this.#pass(event, ...args)
        )
      case 'upgrade':
      case 'connect':
        return (
          this.#upgrade(args[0] as IncomingMessage | Http2ServerRequest, args[1] as Duplex) ||
          this.#pass(event, ...args)
        )
      case 'stream':
        return this.#stream(args[0] as ServerHttp2Stream) || this.#pass(event, ...args)
      default:
        return this.#pass(event, ...args)
    }
  }

  /** Judges who connects, before any handler hears of the connection. */
  #admit(socket: TLSSocket): boolean {
    socket.on('error', () => {})
    let session: Session
    try {
      const peer = provePeer(socket, this.#local, 'clientAuth')
      session = this.#local.sessions.add({ socket, peer, side: 'server', own: this.#local.svid.serial })
    } catch (error) {
      this.#local.refused(error as IdentityError, socket)
      socket.destroy()
      // As Node tells of handshakes that fail.
      this.#pass('tlsClientError', error, socket)
      return true
    }
    this.#arriving = session
    try {
      return this.#pass('secureConnection', socket)
    } finally {
      this.#arriving = null
    }
  }

  /** True when the request was refused, as for all that follow. */
  #request(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): boolean {
    if (isHttp2(request)) return this.#stream(request.stream)
    const refusal = this.#judge(request.socket)
    if (refusal === null) return false
    if (refusal === 'cut') request.socket.destroy()
    else refuseRequest(refusal, request, response as ServerResponse)
    return true
  }

  #upgrade(request: IncomingMessage | Http2ServerRequest, socket: Duplex): boolean {
    if (isHttp2(request)) return this.#stream(request.stream)
    const refusal = this.#judge(request.socket)
    if (refusal === null) return false
    if (refusal === 'cut') request.socket.destroy()
    else refuseUpgrade(refusal, socket)
    return true
  }

  #stream(stream: ServerHttp2Stream): boolean {
    const refusal = this.#judge(stream.session)
    if (refusal === null) return false
    if (refusal === 'cut') stream.session?.destroy()
    else refuseStream(refusal, stream)
    return true
  }

  /** Null lets the request in. `cut`: a connection that this door never admitted. */
  #judge(carrier: unknown): Refusal | 'cut' | null {
    const session = sessionOf(carrier)
    if (session?.side !== 'server') return 'cut'
    const now = this.#local.time.now()
    if (hasEnded(session.peer, now)) return ended(session, now)
    try {
      authorize(this.#allow, session.peer.id, this.#local.id)
      return null
    } catch (error) {
      this.#local.refused(error as IdentityError, session.socket)
      return { code: 'peer_not_allowed', detail: `this service does not allow ${session.peer.id}` }
    }
  }
}

/** A handshake that Node ended: with what it holds against the certificate, where there was one. */
function handshakeError(cause: Error, { authorizationError }: TLSSocket): IdentityError {
  const why = authorizationError ? String(authorizationError) : codeOf(cause)
  return new IdentityError('peer_untrusted', `the handshake of the peer failed: ${why}`, { cause })
}

function ended({ peer }: Session, now: number): Refusal {
  const since = new Date(peer.notAfter * 1000).toISOString()
  const detail = `the certificate ${peer.serial} of ${peer.id} ended at ${since}`
  return { code: 'certificate_expired', detail, extras: { server_time: new Date(now).toISOString() } }
}

function isHttp2(request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest {
  return request.httpVersionMajor === 2
}
