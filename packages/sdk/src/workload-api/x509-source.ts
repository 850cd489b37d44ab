import type { BundleSource, TrustDomain } from '@lanyard/protocol'
import { SpiffeId } from '@lanyard/protocol'
import { IdentityError } from '../errors.ts'
import type { Svid } from '../identity/svid.ts'
import type { BundleSet } from './bundles.ts'
import { WorkloadApiClient } from './client.ts'
import { placeOf, type WorkloadApiOptions } from './options.ts'
import { type OpenOptions, SourceState } from './source-state.ts'
import type { GivenSvid, X509Context } from './x509-context.ts'

/** Chooses among several identities; the first one is the default. */
export type SvidPicker = (svids: readonly GivenSvid[]) => GivenSvid | undefined

/** How an X.509 source is opened. */
export interface X509SourceOptions extends WorkloadApiOptions, OpenOptions {
  /** The default identity when absent. */
  readonly picker?: SvidPicker
}

/**
 * The X.509-SVIDs and X.509 bundles of this process, always the newest, for whoever brings TLS of their own; those who do
 * not take an {@link Identity}. While the Workload API is out of reach it gives what it has; what was taken back it gives
 * no more.
 */
export class X509Source {
  readonly #client: WorkloadApiClient
  readonly #state = new SourceState<X509Context>()
  readonly #picker: SvidPicker
  readonly #end: () => void

  private constructor({ picker = ([first]) => first, ...options }: X509SourceOptions) {
    this.#client = new WorkloadApiClient(options)
    this.#picker = picker
    this.#end = this.#client.watchX509Context(this.#state)
  }

  /**
   * A source that has its first state.
   *
   * @throws IdentityError as {@link WorkloadApiClient.fetchX509Context}, after `startTimeoutMs`
   */
  static async open(options: X509SourceOptions = {}): Promise<X509Source> {
    const source = new X509Source(options)
    try {
      await source.#state.opened(options, placeOf(options).time)
      return source
    } catch (error) {
      source.close()
      throw error
    }
  }

  /**
   * The identity that the picker chooses.
   *
   * @throws IdentityError `no_identity` and its like once it was taken back, `identity_closed`
   */
  get svid(): Svid {
    const picked = this.#picker(this.#state.now.svids)
    if (picked === undefined) throw new IdentityError('no_identity', 'the picker chose none of the identities')
    return picked.svid
  }

  /** All identities, the default one first. Throws as {@link svid}. */
  get svids(): readonly GivenSvid[] {
    return this.#state.now.svids
  }

  /** Whom to believe. Throws as {@link svid}. */
  get bundles(): BundleSet {
    return this.#state.now.bundles
  }

  /** The same, for {@link verifyX509Svid}; nobody is believed once the identity was taken back. */
  readonly bundleSource: BundleSource = (trustDomain: TrustDomain) => this.#state.now.bundles.get(trustDomain)

  /** The newest SVID of an ID, whatever the picker says; undefined: there is none. Throws as {@link svid}. */
  find(id: string | SpiffeId): Svid | undefined {
    const wanted = SpiffeId.parse(`${id}`)
    return this.#state.now.svids.find(({ svid }) => svid.id.equals(wanted))?.svid
  }

  /** Calls at each new state, and when all was taken back. Gives what ends it. */
  onUpdate(listener: () => void): () => void {
    return this.#state.onUpdate(listener)
  }

  /** Follows no more, and gives nothing out. */
  close(): void {
    this.#end()
    this.#state.close()
    this.#client.close()
  }
}
