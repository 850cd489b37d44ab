import { EventEmitter } from 'node:events'
import type { Http2SecureServer } from 'node:http2'
import type { Agent, Server } from 'node:https'
import process from 'node:process'
import type { TlsOptions, Server as TlsServer } from 'node:tls'
import type { SpiffeId } from '@lanyard/protocol'
import { type Dispatcher, type Response, fetch as undiciFetch } from 'undici'
import { findServices } from '../client/services.ts'
import { IdentityError } from '../errors.ts'
import { requireAuthorizer } from '../guard/authorizer.ts'
import type { GuardReport } from '../guard/guard.ts'
import {
  type AnyServer,
  announcedUrl,
  type Handler,
  makeServer,
  type ServerChoice,
  type Serving,
} from '../guard/serve.ts'
import type { PeerSocket } from '../mtls/carrier.ts'
import { dial } from '../mtls/dial.ts'
import { PeerDispatcher } from '../mtls/dispatcher.ts'
import { ownForm } from '../mtls/form.ts'
import { PeerAgent } from '../mtls/https-agent.ts'
import type { AllowChoice, ConnectOptions, PeerChoice, PeerInit, PoliciesChoice, ServeOptions } from './choices.ts'
import type { IdentityEvents } from './events.ts'
import { FileSource, readSvid } from './files.ts'
import {
  authorityOf,
  type CommonOptions,
  type FileOptions,
  filesOf,
  optionsFrom,
  type ProviderOptions,
  type TokenOptions,
  timeOf,
} from './options.ts'
import type { SvidListener } from './source.ts'
import { type Started, startByProvider, startByToken } from './start.ts'
import type { Svid } from './svid.ts'
import { keysElsewhere, Workings } from './workings.ts'
import type { WorkloadOptions } from './workload-options.ts'
import { startWorkload } from './workload-start.ts'

/**
 * Who this program is: an X.509-SVID that keeps itself fresh, and connections over mutual TLS on which both sides are
 * proved and the other one is allowed.
 *
 * It emits `renewed` (a new certificate is in use), `failing` (a renewal failed and is tried again), `lost` (a person
 * must act, as `remedy` says), `withdrawn` (it was taken back: nothing goes on until it is given again), `refused` (a
 * peer was turned away), `liveness` (it is known in another way than before who is alive) and `cut` (a connection was
 * ended, since its peer is dead).
 */
export class Identity extends EventEmitter<IdentityEvents> {
  readonly #parts: Workings
  readonly #authority: URL | null

  private constructor(started: Started, options: CommonOptions, authority: URL | null) {
    super()
    this.#authority = authority
    const emit = this.emit as (name: string, ...details: unknown[]) => boolean
    this.#parts = new Workings(started, options, authority, emit.bind(this))
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
    return new Identity(await startByToken(options), options, authorityOf(options))
  }

  /**
   * An identity from a token of the tenant's identity provider, which says which agent it is: for tenants that let
   * nobody else vouch for their agents. It is exchanged for an agent token that certifies one key, made here; from there
   * on it is as {@link fromToken}. When the lineage has ended, `idpToken` is asked for one that was not used before, and
   * as long as there is none, that is told as `failing` with the code `idp_token_spent`.
   *
   * @throws IdentityError as {@link fromToken}, `idp_token_spent` after `startTimeoutMs`, and the codes of the authority:
   *   `external_token_invalid`, `idp_unknown`, `idp_disabled`
   * @throws ProtocolError `name_invalid` for the tenant, TypeError for another option that cannot be meant
   */
  static async fromProvider(options: ProviderOptions): Promise<Identity> {
    return new Identity(await startByProvider(options), options, authorityOf(options))
  }

  /**
   * An identity from files that somebody else keeps fresh; they are read again when they change.
   *
   * @throws IdentityError `files_invalid`
   */
  static async fromFiles(options: FileOptions): Promise<Identity> {
    const files = filesOf(options)
    const svid = await readSvid(files)
    const authority = authorityOf(options)
    const attach = (listener: SvidListener) => new FileSource(files, svid, timeOf(options), listener)
    return new Identity({ svid, attach }, options, authority)
  }

  /**
   * An identity from the SPIFFE Workload API at `SPIFFE_ENDPOINT_SOCKET`: of Lanyard's daemon, or of another one such
   * as a SPIRE agent. It needs no secret: the daemon sees which program asks. What it takes back is acted on at once:
   * connections end and calls are refused, until it is given again. Lanyard's daemon also says where its authority is,
   * and deaths of others are heard from there.
   *
   * @throws IdentityError `workload_api_address_invalid`, `workload_api_untrusted`, `workload_api_refused`; after
   *   `startTimeoutMs` what stood in the way: `no_identity`, `workload_api_unreachable`, `workload_api_unavailable`
   * @throws ProtocolError, TypeError for an option that cannot be meant
   */
  static async fromWorkloadApi(options: WorkloadOptions = {}): Promise<Identity> {
    return await Identity.#fromWorkload(options, process.env)
  }

  /**
   * An identity that something else keeps fresh: for programs that hold identities for others, as Lanyard's daemon
   * does.
   *
   * @throws TypeError for an authority that is not an https: URL
   */
  static fromSource(started: Started, options: CommonOptions & { readonly authority?: string | URL } = {}): Identity {
    return new Identity(started, options, authorityOf(options))
  }

  /**
   * An identity from `LANYARD_URL`, `LANYARD_ROOT_SHA256` and `LANYARD_TOKEN` (or `LANYARD_TOKEN_FILE`), or
   * `LANYARD_TENANT` and `LANYARD_IDP_TOKEN_FILE` in its place; or from the files in `LANYARD_SVID_DIR` with the authority
   * at `LANYARD_URL`; or else from the Workload API at `SPIFFE_ENDPOINT_SOCKET`. Files of tokens are read anew each time
   * a token is needed.
   *
   * @throws IdentityError `environment_missing`, and as {@link fromToken}, {@link fromProvider}, {@link fromFiles} and
   *   {@link fromWorkloadApi}
   */
  static fromEnvironment(options: CommonOptions = {}, environment: NodeJS.ProcessEnv = process.env): Promise<Identity> {
    const found = optionsFrom(environment)
    if ('token' in found) return Identity.fromToken({ ...found, ...options })
    if ('idpToken' in found) return Identity.fromProvider({ ...found, ...options })
    return 'socket' in found
      ? Identity.#fromWorkload({ ...found, ...options }, environment)
      : Identity.fromFiles({ ...found, ...options })
  }

  static async #fromWorkload(options: WorkloadOptions, environment: NodeJS.ProcessEnv): Promise<Identity> {
    const { started, authority } = await startWorkload(options, environment)
    // Where no authority was named there is no feed: that is not forgotten, it is so.
    return new Identity(started, authority === null ? { ...options, liveness: false } : options, authority)
  }

  /** The own SPIFFE ID. It stays the same over all renewals. */
  get id(): SpiffeId {
    return this.#parts.own.svid.id
  }

  /** The newest certificate, whether or not it has ended. */
  get svid(): Svid {
    return this.#parts.own.svid
  }

  /** How well it is known at this moment who is alive. */
  get guard(): GuardReport {
    return this.#parts.guard.report()
  }

  /** How many connections are open, on both sides. */
  get connections(): number {
    return this.#parts.sessions.size
  }

  /**
   * Gets a new certificate now, or joins a renewal under way; connections that are open stay. Not needed for the
   * ordinary course, in which an identity renews itself.
   *
   * @throws IdentityError of that attempt; the identity goes on trying unless it emits `lost`
   */
  renew(): Promise<Svid> {
    return this.#parts.own.renew()
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
    return new PeerDispatcher(this.#parts.pool, requireAuthorizer(peer, 'peer'))
  }

  /** An agent for `https.request`, `https.get` and the client of `ws`; requests fail as those of {@link fetch} do. */
  agent({ peer }: PeerChoice): Agent {
    return new PeerAgent(this.#parts.local, requireAuthorizer(peer, 'peer'))
  }

  /**
   * A TLS connection to a peer that is proved and allowed, for other protocols. Whether the peer's certificate has
   * ended since is for its user to ask.
   *
   * @throws IdentityError as {@link fetch}
   */
  async connect(options: ConnectOptions): Promise<PeerSocket> {
    const { host, port, alpn = [], signal } = options
    const authorizer = requireAuthorizer(options.peer, 'peer')
    return (await dial(this.#parts.local, { host, port, authorizer, alpn, signal })).socket
  }

  /**
   * Listens, and answers those whom `allow` accepts. Without a certificate the handshake fails; a chain that is not
   * trusted ends the connection before any handler hears of it; who is trusted but not allowed gets 403
   * `peer_not_allowed`, and whose certificate has ended since gets 401 `certificate_expired`, body unread. Who is
   * killed is cut; while there is no news of who is alive everybody gets 503 `liveness_stale`, but on routes that are
   * `bestEffort`.
   *
   * @throws TypeError without `allow`
   */
  async serve(options: ServeOptions & { readonly http2: true }, handler: Handler): Promise<Serving<Http2SecureServer>>
  async serve(options: ServeOptions & { readonly http2?: false }, handler: Handler): Promise<Serving>
  async serve(options: ServeOptions, handler: Handler): Promise<Serving<AnyServer>>
  async serve(options: ServeOptions, handler: Handler): Promise<Serving<AnyServer>> {
    const { host = '127.0.0.1', port = 0, announce, http2 = false } = options
    const made = makeServer(this.#parts.carrier.serverOptions(this.svid) ?? {}, options, handler)
    const alpn = http2 ? ['h2', 'http/1.1'] : ['http/1.1']
    const serving = await this.#parts.carrier.listen(this.#parts.guarded(made, options), { host, port, alpn })
    // Whoever comes at once would wait anyhow. Where no news comes, each request is told so.
    await this.#parts.guard.ready().catch(() => {})
    if (announce === false || this.#authority === null) return serving
    return this.#parts.announcements.add(serving, announce ?? announcedUrl(serving))
  }

  /**
   * Where an agent says that it serves: URLs, the newest first. Whoever answers there must still prove that it is that
   * agent.
   *
   * @throws IdentityError `authority_unknown`, `authority_unreachable`, `reply_invalid`, and the codes of the authority
   */
  find(id: string | SpiffeId): Promise<string[]> {
    return findServices(`${id}`, this.#parts.ask)
  }

  /**
   * The policies that concern this agent, as the authority has them in force; after the revision `after`, once there is
   * another or 20 seconds have passed. What they decide says `@lanyard/policy/guard`, to which this belongs. Only with
   * `hold` the process is kept alive for it; `signal` ends it.
   *
   * @throws IdentityError `authority_unknown`, `authority_unreachable`, and the codes of the authority
   */
  policies({ after, hold = false, signal }: PoliciesChoice = {}): Promise<unknown> {
    const query = after === undefined ? '' : `?after=${after}`
    return this.#parts.ask('GET', `/v1/agent/policies${query}`, undefined, { hold, timeoutMs: 30_000, signal })
  }

  /** The server of {@link serve}, not listening yet. */
  createServer(options: AllowChoice & ServerChoice & { readonly http2: true }, handler: Handler): Http2SecureServer
  createServer(options: AllowChoice & ServerChoice & { readonly http2?: false }, handler: Handler): Server
  createServer(options: AllowChoice & ServerChoice, handler: Handler): AnyServer
  createServer(options: AllowChoice & ServerChoice, handler: Handler): AnyServer {
    return this.protect(makeServer(this.serverOptions(), options, handler), options)
  }

  /**
   * Options for a server of `node:https`, `node:http2` or `node:tls`, which then goes to {@link protect}.
   *
   * @throws IdentityError `keys_elsewhere`
   */
  serverOptions(): TlsOptions {
    return this.#parts.carrier.serverOptions(this.svid) ?? keysElsewhere('servers made elsewhere')
  }

  /**
   * Puts the checks of {@link serve} before a server made elsewhere with {@link serverOptions}, and keeps its
   * certificate fresh. Handlers may be added before and after.
   *
   * @throws TypeError without `allow`, and for a server that speaks no TLS, listens already, or is protected
   */
  protect<S extends TlsServer>(server: S, options: AllowChoice): S {
    if (this.#parts.carrier.serverOptions(this.svid) === null) return keysElsewhere('servers made elsewhere')
    return this.#parts.guarded(server, options)
  }

  /** Renews no more and ends its connections, open requests included. Servers are closed by whoever opened them. */
  close(): Promise<void> {
    return this.#parts.close()
  }
}
