import { EventEmitter } from 'node:events'
import type { Http2SecureServer } from 'node:http2'
import type { Agent, Server } from 'node:https'
import process from 'node:process'
import type { TLSSocket, TlsOptions, Server as TlsServer } from 'node:tls'
import type { SpiffeId } from '@lanyard/protocol'
import { type Dispatcher, FormData, type Response, fetch as undiciFetch } from 'undici'
import { Announcement, type Ask, findServices } from '../client/services.ts'
import { codeOf, IdentityError } from '../errors.ts'
import { requireAuthorizer } from '../guard/authorizer.ts'
import { Door } from '../guard/door.ts'
import { askWith, type GuardPorts, guardFor } from '../guard/for-identity.ts'
import type { Guard, GuardReport } from '../guard/guard.ts'
import { announcedUrl, type Handler, listen, makeServer, type ServerChoice, type Serving } from '../guard/serve.ts'
import { contextOptions } from '../mtls/context.ts'
import { dial } from '../mtls/dial.ts'
import { PeerDispatcher } from '../mtls/dispatcher.ts'
import { PeerAgent } from '../mtls/https-agent.ts'
import type { Local } from '../mtls/local.ts'
import { asksNode } from '../mtls/peer.ts'
import { Pool } from '../mtls/pool.ts'
import { Sessions } from '../mtls/session.ts'
import type { TimeSource } from '../time.ts'
import type { AllowChoice, ConnectOptions, PeerChoice, PeerInit, ServeOptions } from './choices.ts'
import type { IdentityEvents } from './events.ts'
import { FileSource, readSvid } from './files.ts'
import {
  authorityOf,
  type CommonOptions,
  type FileOptions,
  filesOf,
  optionsFrom,
  type TokenOptions,
  timeOf,
} from './options.ts'
import type { SvidListener, SvidSource } from './source.ts'
import { start } from './start.ts'
import type { Svid } from './svid.ts'

/** How long a request waits for a renewal when the own certificate has ended, as after sleep. */
const RECOVERY_MS = 15_000

/**
 * Who this program is: an X.509-SVID that keeps itself fresh, and connections over mutual TLS on which both sides are
 * proved and the other one is allowed.
 *
 * It emits `renewed` (a new certificate is in use), `failing` (a renewal failed and is tried again), `lost` (a person
 * must act, as `remedy` says), `refused` (a peer was turned away), `liveness` (it is known in another way than before who
 * is alive) and `cut` (a connection was ended, since its peer is dead).
 */
export class Identity extends EventEmitter<IdentityEvents> {
  readonly #time: TimeSource
  readonly #source: SvidSource
  readonly #guard: Guard
  readonly #ask: Ask
  readonly #sessions: Sessions
  readonly #announcements = new Set<Announcement>()
  readonly #followers = new Set<() => void>()
  readonly #local: Local
  readonly #pool: Pool
  readonly #authority: URL | null
  #svid: Svid
  #toldUnguarded = false
  #closed = false

  private constructor(svid: Svid, options: TokenOptions | FileOptions, source: (listener: SvidListener) => SvidSource) {
    super()
    this.#svid = svid
    this.#time = timeOf(options)
    this.#authority = authorityOf(options)
    this.#guard = guardFor(this.#authority, options, this.#guardPorts())
    this.#ask = askWith(this.#guard, this.#authority, this.#guardPorts())
    this.#sessions = new Sessions(this.#guard)
    this.#source = source(this.#listener())
    this.#local = this.#makeLocal()
    this.#pool = new Pool(this.#local)
  }

  /**
   * An identity from an agent token. Makes a key that never leaves this process, gets the first certificate with the
   * token, and renews it with itself from then on, with a new key each time.
   *
   * @throws IdentityError `authority_unreachable` after `startTimeoutMs`, `authority_untrusted`, `fingerprint_mismatch`,
   *   `token_unavailable`, and the codes of the authority
   * @throws TypeError for an option that cannot be meant
   */
  static async fromToken(options: TokenOptions): Promise<Identity> {
    const { svid, attach } = await start(options)
    return new Identity(svid, options, attach)
  }

  /**
   * An identity from files that somebody else keeps fresh; they are read again when they change.
   *
   * @throws IdentityError `files_invalid`
   */
  static async fromFiles(options: FileOptions): Promise<Identity> {
    const files = filesOf(options)
    const svid = await readSvid(files)
    authorityOf(options)
    return new Identity(svid, options, listener => new FileSource(files, svid, timeOf(options), listener))
  }

  /**
   * An identity from `LANYARD_URL`, `LANYARD_ROOT_SHA256` and `LANYARD_TOKEN` (or `LANYARD_TOKEN_FILE`, which is read
   * anew each time a token is needed), or from the files in `LANYARD_SVID_DIR` with the authority at `LANYARD_URL`.
   *
   * @throws IdentityError `environment_missing`, and as {@link fromToken} and {@link fromFiles}
   */
  static fromEnvironment(options: CommonOptions = {}, environment: NodeJS.ProcessEnv = process.env): Promise<Identity> {
    const found = optionsFrom(environment)
    return 'token' in found
      ? Identity.fromToken({ ...found, ...options })
      : Identity.fromFiles({ ...found, ...options })
  }

  /** The own SPIFFE ID. It stays the same over all renewals. */
  get id(): SpiffeId {
    return this.#svid.id
  }

  /** The newest certificate, whether or not it has ended. */
  get svid(): Svid {
    return this.#svid
  }

  /** How well it is known at this moment who is alive. */
  get guard(): GuardReport {
    return this.#guard.report()
  }

  /** How many connections are open, on both sides. */
  get connections(): number {
    return this.#sessions.size
  }

  /**
   * Gets a new certificate now, or joins a renewal under way; connections that are open stay. Not needed for the
   * ordinary course, in which an identity renews itself.
   *
   * @throws IdentityError of that attempt; the identity goes on trying unless it emits `lost`
   */
  renew(): Promise<Svid> {
    if (this.#closed) return Promise.reject(closed())
    return this.#source.renew()
  }

  /**
   * `fetch` over mutual TLS (HTTP/1.1). The peer proves its SPIFFE ID, and `peer` accepts it, before a byte of the
   * request is sent; so at each request on a pooled connection, and at each redirect. The host name in the URL only
   * says where to connect.
   *
   * @throws IdentityError `peer_not_allowed`, `peer_untrusted`, `peer_certificate_ended`, `peer_dead`, `peer_unreachable`,
   *   `peer_closed`, `url_not_https`, `liveness_stale`, `identity_dead`, `identity_expired`, `identity_closed`
   * @throws TypeError without `peer`, and as `fetch` does
   */
  async fetch(url: string | URL, init: PeerInit): Promise<Response> {
    const { peer, body, ...rest } = (init ?? {}) as PeerInit
    const dispatcher = this.dispatcher({ peer })
    try {
      return await undiciFetch(url, { ...rest, ...(body === undefined ? {} : { body: ownForm(body) }), dispatcher })
    } catch (error) {
      // fetch wraps whatever failed below into "fetch failed".
      throw error instanceof TypeError && error.cause instanceof IdentityError ? error.cause : error
    }
  }

  /** A dispatcher for `undici`: its `request`, `stream`, `fetch`, `WebSocket`. It throws as {@link fetch} does. */
  dispatcher({ peer }: PeerChoice): Dispatcher {
    return new PeerDispatcher(this.#pool, requireAuthorizer(peer, 'peer'))
  }

  /** An agent for `https.request`, `https.get` and the client of `ws`; requests fail as those of {@link fetch} do. */
  agent({ peer }: PeerChoice): Agent {
    return new PeerAgent(this.#local, requireAuthorizer(peer, 'peer'))
  }

  /**
   * A TLS connection to a peer that is proved and allowed, for other protocols. Whether the peer's certificate has
   * ended since is for its user to ask.
   *
   * @throws IdentityError as {@link fetch}
   */
  async connect(options: ConnectOptions): Promise<TLSSocket> {
    const { host, port, alpn = [], signal } = options
    const authorizer = requireAuthorizer(options.peer, 'peer')
    return (await dial(this.#local, { host, port, authorizer, alpn, signal })).socket
  }

  /**
   * Listens, and answers those whom `allow` accepts. Without a certificate the handshake fails; a chain that is not
   * trusted ends the connection before any handler hears of it; who is trusted but not allowed gets 403
   * `peer_not_allowed`, and whose certificate has ended since gets 401 `certificate_expired`, body unread. Who is killed
   * is cut; while there is no news of who is alive everybody gets 503 `liveness_stale`, but on routes that are `bestEffort`.
   *
   * @throws TypeError without `allow`
   */
  async serve(options: ServeOptions & { readonly http2: true }, handler: Handler): Promise<Serving<Http2SecureServer>>
  async serve(options: ServeOptions & { readonly http2?: false }, handler: Handler): Promise<Serving>
  async serve(options: ServeOptions, handler: Handler): Promise<Serving<Server | Http2SecureServer>>
  async serve(options: ServeOptions, handler: Handler): Promise<Serving<Server | Http2SecureServer>> {
    const { host = '127.0.0.1', port = 0, announce } = options
    const serving = await listen(this.createServer(options, handler), host, port)
    // Whoever comes at once would wait anyhow. Where no news comes, each request is told so.
    await this.#guard.ready().catch(() => {})
    return announce === false ? serving : this.#announced(serving, announce ?? announcedUrl(serving))
  }

  /**
   * Where an agent says that it serves: URLs, the newest first. Whoever answers there must still prove that it is that agent.
   *
   * @throws IdentityError `authority_unknown`, `authority_unreachable`, `reply_invalid`, and the codes of the authority
   */
  find(id: string | SpiffeId): Promise<string[]> {
    return findServices(`${id}`, this.#ask)
  }

  /** The server of {@link serve}, not listening yet. */
  createServer(options: AllowChoice & ServerChoice & { readonly http2: true }, handler: Handler): Http2SecureServer
  createServer(options: AllowChoice & ServerChoice & { readonly http2?: false }, handler: Handler): Server
  createServer(options: AllowChoice & ServerChoice, handler: Handler): Server | Http2SecureServer
  createServer(options: AllowChoice & ServerChoice, handler: Handler): Server | Http2SecureServer {
    return this.protect(makeServer(this.serverOptions(), options, handler), options)
  }

  /** Options for a server of `node:https`, `node:http2` or `node:tls`, which then goes to {@link protect}. */
  serverOptions(): TlsOptions {
    return { ...contextOptions(this.#svid), requestCert: true, rejectUnauthorized: asksNode(this.#time) }
  }

  /**
   * Puts the checks of {@link serve} before a server made elsewhere with {@link serverOptions}, and keeps its certificate
   * fresh. Handlers may be added before and after.
   *
   * @throws TypeError without `allow`, and for a server that speaks no TLS, listens already, or is protected
   */
  protect<S extends TlsServer>(server: S, { allow, via, bestEffort }: AllowChoice): S {
    const options = { allow: requireAuthorizer(allow, 'allow'), bestEffort }
    Door.install(this.#local, via === undefined ? options : { ...options, via: requireAuthorizer(via, 'via') }, server)
    this.#guard.begin(bestEffort !== undefined)
    server.once(
      'close',
      this.#local.onRenewed(() => server.setSecureContext(contextOptions(this.#svid))),
    )
    return server
  }

  /** Renews no more and ends its connections, open requests included. Servers are closed by whoever opened them. */
  async close(): Promise<void> {
    this.#closed = true
    this.#source.stop()
    this.#pool.destroy()
    this.#sessions.destroy()
    await Promise.all([...this.#announcements].map(each => each.withdraw()))
    this.#guard.stop()
  }

  #makeLocal(): Local {
    const identity = this
    return {
      get id() {
        return identity.#svid.id
      },
      get svid() {
        return identity.#svid
      },
      bundles: trustDomain => (trustDomain.equals(this.#svid.trustDomain) ? this.#svid.roots : undefined),
      sessions: this.#sessions,
      guard: this.#guard,
      time: this.#time,
      usable: () => this.#usable(),
      onRenewed: listener => {
        this.#followers.add(listener)
        return () => this.#followers.delete(listener)
      },
      refused: (error, { remoteAddress }) => this.#tell('refused', { error, remoteAddress }),
    }
  }

  #guardPorts(): GuardPorts {
    return {
      time: this.#time,
      random: Math.random,
      svid: () => this.#svid,
      turned: (standing, error) => this.#tell('liveness', { standing, error }),
      cut: ({ peer, side, dead }) => this.#tell('cut', { peer, side, dead: dead! }),
      // What the authority says to that is what a person must know.
      died: () => void this.#source.renew().catch(() => {}),
      unguarded: () => this.#tellUnguarded(),
    }
  }

  #listener(): SvidListener {
    const validUntil = () => new Date((this.#svid.notAfter + 1) * 1000)
    return {
      onRenewed: svid => {
        this.#svid = svid
        this.#guard.renewed()
        for (const follow of this.#followers) follow()
        this.#tell('renewed', svid)
      },
      onFailing: (error, retryAt, failures) =>
        this.#tell('failing', { error, failures, retryAt: new Date(retryAt), validUntil: validUntil() }),
      onLost: error => this.#tell('lost', { error, code: error.code, remedy: error.remedy, validUntil: validUntil() }),
    }
  }

  /** In a turn of its own: what a listener throws must not end a renewal or open a door. */
  #tell<Name extends keyof IdentityEvents>(name: Name, ...details: IdentityEvents[Name]): void {
    queueMicrotask(() => (this.emit as (name: string, ...details: unknown[]) => boolean).call(this, name, ...details))
  }

  #tellUnguarded(): void {
    if (this.#toldUnguarded) return
    this.#toldUnguarded = true
    queueMicrotask(() => {
      if (this.emit('unguarded')) return
      const message = `${this.id} serves without hearing of kills: give the option authority, or liveness: false`
      process.emitWarning(message, { code: 'LANYARD_UNGUARDED' })
    })
  }

  #announced<S extends Serving<Server | Http2SecureServer>>(serving: S, url: string): S {
    if (this.#authority === null) return serving
    const failed = (error: IdentityError) => this.#tell('unannounced', error)
    const announcement = new Announcement({ url, ask: this.#ask, time: this.#time, failed })
    this.#announcements.add(announcement)
    serving.server.once('close', () => this.#announcements.delete(announcement))
    return { ...serving, close: () => Promise.all([serving.close(), announcement.withdraw()]).then(() => {}) }
  }

  async #usable(): Promise<Svid> {
    if (this.#closed) throw closed()
    if (!this.#svid.hasEnded(this.#time.now())) return this.#svid
    let cancel = () => {}
    const late = new Promise<never>((_, reject) => {
      const give = () => reject(new IdentityError('identity_expired', `expected a renewal within ${RECOVERY_MS} ms`))
      cancel = this.#time.after(RECOVERY_MS, give, { hold: true })
    })
    try {
      const svid = await Promise.race([this.#source.renew(), late])
      if (!svid.hasEnded(this.#time.now())) return svid
      throw new IdentityError('identity_expired', `the certificate ${svid.serial} has ended, and there is no newer one`)
    } catch (cause) {
      if (cause instanceof IdentityError && cause.code.startsWith('identity_')) throw cause
      throw new IdentityError('identity_expired', `the own certificate has ended: ${codeOf(cause)}`, { cause })
    } finally {
      cancel()
    }
  }
}

/** undici knows its own forms alone, not those of the undici that Node has built in. */
function ownForm(body: PeerInit['body']): Exclude<RequestInit['body'], undefined> {
  if (!(body instanceof globalThis.FormData)) return (body ?? null) as Exclude<RequestInit['body'], undefined>
  const form = new FormData()
  for (const [name, value] of body) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, value, value.name)
  }
  return form
}

function closed(): IdentityError {
  return new IdentityError('identity_closed', 'the identity was closed')
}
