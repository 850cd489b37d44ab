import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { type TLSSocket, Server as TlsServer } from 'node:tls'
import { codeOf, IdentityError, type SdkCode } from '../errors.ts'
import { hasJustEnded } from '../mtls/handshake.ts'
import type { Local } from '../mtls/local.ts'
import { provePeer } from '../mtls/peer.ts'
import { bindWard, hasEnded, type Session, sessionOf, type Ward } from '../mtls/session.ts'
import { type Authorizer, authorize, type Route } from './authorizer.ts'
import { type Call, RequestCall, StreamCall, UpgradeCall } from './call.ts'
import { PassedOn, Proxies } from './passed-on.ts'
import type { Refusal } from './refusal.ts'

const guarded = new WeakSet<TlsServer>()

type Emit = (event: string | symbol, ...args: unknown[]) => boolean

/** Whom a door lets in. */
export interface DoorOptions {
  readonly allow: Authorizer
  /** Proxies that end TLS for others. */
  readonly via?: Authorizer | undefined
  /** Routes whose callers do less harm dead than refused. */
  readonly bestEffort?: ((route: Route) => boolean) | undefined
}

/**
 * Stands in a TLS server between its network side and its handlers. All that happens there is announced by `emit`, so
 * that is the one place which no handler can be reached around, whenever it was added.
 */
export class Door {
  readonly #local: Local
  readonly #options: DoorOptions
  readonly #proxies: Proxies | null
  readonly #pass: Emit
  readonly #speaksHttp: boolean
  // The session of HTTP/2 is announced while its socket is.
  #arriving: Session | null = null
  // The request of HTTP/2 is announced while its stream is.
  #passing: ServerHttp2Stream | null = null
  /** Calls that have waited once. */
  readonly #late = new WeakSet<object>()

  private constructor(local: Local, options: DoorOptions, server: TlsServer) {
    this.#local = local
    this.#options = options
    this.#proxies = options.via === undefined ? null : new Proxies(local, options.via)
    this.#pass = server.emit.bind(server) as Emit
    this.#speaksHttp = server instanceof HttpsServer || 'updateSettings' in server
  }

  /** @throws TypeError for a server that is not a TLS server, or that listens already */
  static install(local: Local, options: DoorOptions, server: TlsServer): void {
    if (!(server instanceof TlsServer)) throw new TypeError('expected a server of node:https, node:http2 or node:tls')
    if (server.listening) throw new TypeError('expected a server that does not listen yet')
    if (guarded.has(server)) throw new TypeError('expected a server that is not protected yet')
    guarded.add(server)
    const door = new Door(local, options, server)
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
        return this.#arrive(args[0] as TLSSocket)
      case 'tlsClientError':
        this.#local.refused(handshakeError(args[0] as Error, args[1] as TLSSocket), args[1] as TLSSocket)
        return this.#pass(event, ...args)
      case 'session':
        this.#arriving?.carry(args[0] as Http2Session)
        this.#stand(args[0] as Http2Session)
        return this.#pass(event, ...args)
      case 'request':
      case 'checkContinue':
      case 'checkExpectation':
        return this.#request(event, args as [IncomingMessage | Http2ServerRequest, ServerResponse])
      case 'upgrade':
      case 'connect':
        return this.#upgrade(event, args as [IncomingMessage | Http2ServerRequest, Duplex])
      case 'stream':
        return this.#stream(this.#pass, args as [ServerHttp2Stream, IncomingHttpHeaders])
      default:
        return this.#pass(event, ...args)
    }
  }

  /** Judges who connects, before any handler hears of the connection. */
  #arrive(socket: TLSSocket): boolean {
    socket.on('error', () => {})
    let session: Session
    try {
      const proved = provePeer(socket, this.#local, 'clientAuth')
      // Where no requests follow, nobody asks later.
      if (!this.#speaksHttp) authorize(this.#options.allow, proved.peer.id, this.#local.id)
      session = this.#local.sessions.add({ socket, ...proved, side: 'server', own: this.#local.svid.serial })
    } catch (error) {
      this.#local.refused(error as IdentityError, socket)
      socket.destroy()
      // As Node tells of handshakes that fail.
      this.#pass('tlsClientError', error, socket)
      return true
    }
    return this.#speaksHttp ? this.#welcome(session, socket) : this.#admitSocket(session, socket)
  }

  #welcome(session: Session, socket: TLSSocket): boolean {
    this.#arriving = session
    try {
      return this.#pass('secureConnection', socket)
    } finally {
      this.#arriving = null
    }
  }

  /** Where no requests follow, the connection is the call. */
  #admitSocket(session: Session, socket: TLSSocket): boolean {
    switch (this.#local.guard.admit(session, false)) {
      case 'yes':
      case 'marked':
        return this.#welcome(session, socket)
      case 'wait':
        if (this.#late.has(socket)) break
        this.#late.add(socket)
        void this.#local.guard.settled().then(() => socket.destroyed || this.#admitSocket(session, socket))
        return true
    }
    socket.destroy()
    return true
  }

  #request(event: string, args: [IncomingMessage | Http2ServerRequest, ServerResponse]): boolean {
    const [request, response] = args
    if (isHttp2(request)) return this.#again(event, args, request)
    return this.#judged(new RequestCall(request, response), () => this.#pass(event, ...args))
  }

  #upgrade(event: string, args: [IncomingMessage | Http2ServerRequest, Duplex]): boolean {
    const [request, socket] = args
    if (isHttp2(request)) return this.#again(event, args, request)
    return this.#judged(new UpgradeCall(request, socket), () => this.#pass(event, ...args))
  }

  /** Streams of HTTP/2 are announced by their session first, and a handler may listen there. */
  #stand(http2: Http2Session): void {
    const pass = http2.emit.bind(http2) as Emit
    const emit: Emit = (event, ...args) =>
      event === 'stream' ? this.#stream(pass, args as [ServerHttp2Stream, IncomingHttpHeaders]) : pass(event, ...args)
    http2.emit = emit as typeof http2.emit
  }

  #stream(pass: Emit, args: [ServerHttp2Stream, IncomingHttpHeaders]): boolean {
    const [stream] = args
    if (stream === this.#passing) return pass('stream', ...args)
    return this.#judged(new StreamCall(...args), () => this.#passStream(stream, () => pass('stream', ...args)))
  }

  #passStream(stream: ServerHttp2Stream, pass: () => boolean): boolean {
    const before = this.#passing
    this.#passing = stream
    try {
      return pass()
    } finally {
      this.#passing = before
    }
  }

  /** A request of HTTP/2 was judged as the stream that it is, in this same turn. */
  #again(event: string, args: unknown[], request: Http2ServerRequest): boolean {
    const pass = () => this.#pass(event, ...args)
    return request.stream === this.#passing ? pass() : this.#judged(StreamCall.of(request), pass)
  }

  /** Hands the call on if it may be; true also when it was refused. */
  #judged(call: Call, pass: () => boolean): boolean {
    const verdict = this.#judge(call)
    if (verdict === null) return pass()
    if (verdict === 'cut') call.cut()
    else if (verdict !== 'wait') call.refuse(verdict, this.#proxies?.speaks(call) === true)
    else {
      this.#late.add(call.request)
      void this.#local.guard.settled().then(() => call.until.destroyed || this.#judged(call, pass))
    }
    return true
  }

  /** Null lets the call in. `cut`: a connection that this door never admitted, or that nobody shall answer any more. */
  #judge(call: Call): Refusal | 'cut' | 'wait' | null {
    const session = sessionOf(call.carrier)
    if (session?.side !== 'server') return 'cut'
    const now = this.#local.time.now()
    // Before what it passes on is looked at: a proxy that is dead, or whose certificate has ended, speaks for nobody.
    if (hasEnded(session.peer, now)) return ended(session, now)
    if (session.dead !== null) return dead(session)
    let ward: Ward = session
    try {
      ward = this.#proxies === null ? session : this.#speaker(this.#proxies, session, call)
      if (hasEnded(ward.peer, now)) return ended(ward, now)
      const { method, url } = call
      authorize(this.#options.allow, ward.peer.id, this.#local.id, { method, url })
    } catch (error) {
      this.#local.refused(error as IdentityError, session.socket)
      if (codeOf(error) !== 'peer_not_allowed') return { code: 'caller_untrusted', detail: (error as Error).message }
      return { code: 'peer_not_allowed', detail: `this service does not allow ${ward.peer.id}` }
    }
    return ward === session ? this.#admit(session, ward, call) : this.#admitAlone(session, ward as PassedOn, call)
  }

  /** A call that was passed on is watched over by itself, for as long as it lasts. */
  #admitAlone(session: Session, ward: PassedOn, call: Call): Refusal | 'cut' | 'wait' | null {
    const { guard } = this.#local
    guard.opened(ward)
    const verdict = this.#admit(session, ward, call)
    if (verdict !== null) {
      guard.closed(ward)
      return verdict
    }
    bindWard(call.request, ward)
    call.until.once('close', () => guard.closed(ward))
    return null
  }

  #admit(session: Session, ward: Ward, call: Call): Refusal | 'cut' | 'wait' | null {
    const bestEffort = this.#isBestEffort(call)
    switch (this.#local.guard.admit(ward, bestEffort)) {
      case 'yes':
        this.#watch(session, ward, call, bestEffort)
        return null
      case 'marked':
        this.#watch(session, ward, call, bestEffort)
        call.mark()
        return null
      case 'wait':
        return this.#late.has(call.request) ? STALE : 'wait'
      case 'stale':
        return STALE
      case 'dead':
        return ward.dead === null ? 'cut' : dead(ward)
    }
  }

  /**
   * A path that routers read in several ways is guarded, and so is one that breaks the function which was to judge it.
   */
  #isBestEffort({ method, url }: Call): boolean {
    const { bestEffort } = this.#options
    if (bestEffort === undefined || !isPlain(url)) return false
    try {
      return bestEffort({ method, url }) === true
    } catch {
      return false
    }
  }

  /** Notes how the call is to end when its connection does not. */
  #watch(session: Session, ward: Ward, call: Call, bestEffort: boolean): void {
    if (ward instanceof PassedOn) ward.bestEffort = bestEffort
    if (this.#options.bestEffort === undefined) return
    if (bestEffort) session.goesOn(call.until)
    else session.isGuarded(call.until, () => (call.stream === null ? call.cut() : call.stream.destroy()))
  }

  #speaker(proxies: Proxies, session: Session, call: Call): Ward {
    const speaker = proxies.speaker(session, call)
    return speaker === null ? session : new PassedOn(speaker, call)
  }
}

const STALE: Refusal = { code: 'liveness_stale', detail: 'there is no news of who is alive that is new enough' }

/**
 * A handshake that came to nothing. Nobody was refused where the peer broke it off, as it does when it takes too long;
 * what Node holds against a certificate it only says beside.
 */
function handshakeError(cause: Error, socket: TLSSocket): IdentityError {
  const { authorizationError } = socket
  const why = authorizationError ? String(authorizationError) : codeOf(cause)
  const failed = (code: SdkCode) => new IdentityError(code, `the handshake of the peer failed: ${why}`, { cause })
  if (authorizationError) return failed(hasJustEnded(socket) ? 'peer_certificate_ended' : 'peer_untrusted')
  return failed(BROKEN_OFF.has(why) ? 'peer_closed' : 'peer_untrusted')
}

const BROKEN_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ERR_TLS_HANDSHAKE_TIMEOUT'])

function ended({ peer }: Ward, now: number): Refusal {
  const since = new Date(peer.notAfter * 1000).toISOString()
  const detail = `the certificate ${peer.serial} of ${peer.id} ended at ${since}`
  return { code: 'certificate_expired', detail, extras: { server_time: new Date(now).toISOString() } }
}

const dead = ({ peer }: Ward): Refusal => ({
  code: 'peer_dead',
  detail: `the identity of ${peer.id} was taken away`,
})

/** Whether a path is not written in a way that some routers resolve or decode, and others do not. */
function isPlain(url: string): boolean {
  const path = url.split('?', 1)[0]!
  return /^(?:\/[\w.~!$&'()*+,;=:@-]+)*\/?$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path)
}

function isHttp2(request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest {
  return request.httpVersionMajor === 2
}
