import { type JsonValue, SpiffeId } from '@lanyard/protocol'
import { IdentityError } from '../errors.ts'
import { BundleSet, jwtBundle, trustDomainOf, witBundle } from './bundles.ts'
import { type CallOptions, Channel } from './channel.ts'
import {
  type JwtSvid,
  type JwtSvidChoice,
  readJwtSvids,
  readWitSvids,
  requireAudience,
  type WitSvid,
} from './jwt-svids.ts'
import {
  EMPTY,
  JwtBundlesResponse,
  JwtSvidRequest,
  ValidateJwtSvidRequest,
  WitBundlesResponse,
  WitSvidRequest,
} from './messages.ts'
import { placeOf, type WorkloadApiOptions } from './options.ts'
import { jsonOf, ValidateJwtSvidResponse } from './struct.ts'
import { type Fetched, Watch, type Watched, type WatchListener } from './watch.ts'
import { readX509Bundles, sound, type X509Context, x509 } from './x509-context.ts'

/** What a Workload API says of a JWT-SVID that it has validated. */
export interface ValidatedJwtSvid {
  readonly id: SpiffeId
  readonly claims: Readonly<Record<string, JsonValue>>
}

const NOTHING = EMPTY.encode({})

const X509_BUNDLES: Fetched<BundleSet> = { rpc: 'FetchX509Bundles', message: NOTHING, read: readX509Bundles }
const JWT_BUNDLES: Fetched<BundleSet> = {
  rpc: 'FetchJWTBundles',
  message: NOTHING,
  read: bytes =>
    sound(() => {
      const { bundles } = JwtBundlesResponse.decode(bytes)
      const text = new TextDecoder('utf-8', { fatal: true })
      return new BundleSet(Array.from(bundles, ([name, json]) => jwtBundle(trustDomainOf(name), text.decode(json))))
    }),
}
const WIT_BUNDLES: Fetched<BundleSet> = {
  rpc: 'FetchWITBundles',
  message: NOTHING,
  read: bytes =>
    sound(() => {
      const { bundles } = WitBundlesResponse.decode(bytes)
      return new BundleSet(Array.from(bundles, ([name, json]) => witBundle(trustDomainOf(name), json)))
    }),
}

/**
 * A client of the SPIFFE Workload API, of Lanyard's daemon or of any other, such as a SPIRE agent. It connects when it is
 * asked something, and checks at each connection who serves the socket.
 *
 * Everything throws IdentityError: `no_identity` (and what a Lanyard daemon says in its place, such as
 * `workload_is_descendant`), `workload_api_unreachable`, `workload_api_untrusted`, `workload_api_unavailable`,
 * `workload_api_refused`, `workload_api_unsupported`, `workload_api_reply_invalid`.
 */
export class WorkloadApiClient {
  readonly #channel: Channel
  readonly #watches = new Set<{ stop(): void }>()

  /** @throws IdentityError `workload_api_address_invalid` */
  constructor(options: WorkloadApiOptions = {}) {
    this.#channel = new Channel(placeOf(options))
  }

  /** The X.509-SVIDs of this process with their keys, and whom to believe. */
  fetchX509Context(options: CallOptions = {}): Promise<X509Context> {
    return this.#first(x509(), options)
  }

  /** Follows {@link fetchX509Context}: each state is complete. Gives what ends it. */
  watchX509Context(listener: WatchListener<X509Context>): () => void {
    return this.#watch(x509(), listener)
  }

  /** The X.509 authorities of every trust domain that this process may believe. No SVID is made for it. */
  fetchX509Bundles(options: CallOptions = {}): Promise<BundleSet> {
    return this.#first(X509_BUNDLES, options)
  }

  /** Follows {@link fetchX509Bundles}. */
  watchX509Bundles(listener: WatchListener<BundleSet>): () => void {
    return this.#watch(X509_BUNDLES, listener)
  }

  /** The JWT authorities of every trust domain that this process may believe. */
  fetchJwtBundles(options: CallOptions = {}): Promise<BundleSet> {
    return this.#first(JWT_BUNDLES, options)
  }

  /** Follows {@link fetchJwtBundles}. */
  watchJwtBundles(listener: WatchListener<BundleSet>): () => void {
    return this.#watch(JWT_BUNDLES, listener)
  }

  /** The WIT authorities of every trust domain that this process may believe. */
  fetchWitBundles(options: CallOptions = {}): Promise<BundleSet> {
    return this.#first(WIT_BUNDLES, options)
  }

  /** A JWT-SVID of the default identity, or of the one that is asked for. Throws TypeError without an audience. */
  async fetchJwtSvid(choice: JwtSvidChoice): Promise<JwtSvid> {
    const [first] = await this.fetchJwtSvids(choice)
    return first!
  }

  /** A JWT-SVID of each identity; the default one first. */
  async fetchJwtSvids({ audience, id, signal }: JwtSvidChoice): Promise<readonly JwtSvid[]> {
    const asked = JwtSvidRequest.encode({ audience: requireAudience(audience), spiffeId: nameOf(id) })
    const svids = readJwtSvids(await this.#channel.ask('FetchJWTSVID', asked, 'unary', { signal }))
    if (svids.length === 0) throw new IdentityError('no_identity', 'expected a JWT-SVID, got none')
    if (id !== undefined && svids.some(svid => `${svid.id}` !== `${id}`))
      throw new IdentityError('workload_api_reply_invalid', `expected JWT-SVIDs of ${id} alone`)
    return svids
  }

  /** WIT-SVIDs with their keys: of each identity, or of the one that is asked for. */
  async fetchWitSvids({
    id,
    signal,
  }: CallOptions & { readonly id?: string | SpiffeId } = {}): Promise<readonly WitSvid[]> {
    const asked = WitSvidRequest.encode({ spiffeId: nameOf(id) })
    return readWitSvids(await this.#channel.ask('FetchWITSVID', asked, 'stream', { signal }))
  }

  /**
   * Has the Workload API validate a JWT-SVID. Whoever holds the bundles (see {@link JwtSource}) does it without asking.
   *
   * @throws IdentityError `workload_api_refused` for a token that does not hold
   */
  async validateJwtSvid(token: string, audience: string, options: CallOptions = {}): Promise<ValidatedJwtSvid> {
    const asked = ValidateJwtSvidRequest.encode({ audience: requireAudience(audience)[0]!, svid: token })
    const answer = await this.#channel.ask('ValidateJWTSVID', asked, 'unary', options)
    return sound(() => {
      const { spiffeId, claims } = ValidateJwtSvidResponse.decode(answer)
      return { id: SpiffeId.parse(spiffeId), claims: claims === undefined ? {} : jsonOf(claims) }
    })
  }

  /** Ends everything that goes on here. */
  close(): void {
    for (const watch of this.#watches) watch.stop()
    this.#channel.close()
  }

  async #first<T>({ rpc, message, read }: Fetched<T>, options: CallOptions): Promise<T> {
    return read(await this.#channel.ask(rpc, message, 'stream', options))
  }

  #watch<T>(watched: Watched<T>, listener: WatchListener<T>): () => void {
    const watch = new Watch(this.#channel, watched, listener).start()
    this.#watches.add(watch)
    return () => {
      this.#watches.delete(watch)
      watch.stop()
    }
  }
}

const nameOf = (id: string | SpiffeId | undefined): string => (id === undefined ? '' : `${SpiffeId.parse(`${id}`)}`)
