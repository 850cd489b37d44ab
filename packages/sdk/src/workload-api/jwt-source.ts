import type { BundleSource, VerifiedJwtSvid } from '@lanyard/protocol'
import type { BundleSet } from './bundles.ts'
import { WorkloadApiClient } from './client.ts'
import type { JwtSvid, JwtSvidChoice } from './jwt-svids.ts'
import { placeOf, type WorkloadApiOptions } from './options.ts'
import { type OpenOptions, SourceState } from './source-state.ts'
import { validateJwtSvid } from './validate.ts'

/**
 * JWT-SVIDs of this process for whatever audience, and the JWT bundles by which it validates those of others, always the
 * newest.
 */
export class JwtSource {
  readonly #client: WorkloadApiClient
  readonly #state = new SourceState<BundleSet>()
  readonly #end: () => void
  readonly #now: () => number

  private constructor(options: WorkloadApiOptions) {
    this.#client = new WorkloadApiClient(options)
    this.#now = () => placeOf(options).time.now()
    this.#end = this.#client.watchJwtBundles(this.#state)
  }

  /**
   * A source that has its first bundles.
   *
   * @throws IdentityError as {@link WorkloadApiClient.fetchJwtBundles}, after `startTimeoutMs`
   */
  static async open(options: WorkloadApiOptions & OpenOptions = {}): Promise<JwtSource> {
    const source = new JwtSource(options)
    try {
      await source.#state.opened(options, placeOf(options).time)
      return source
    } catch (error) {
      source.close()
      throw error
    }
  }

  /** A JWT-SVID for an audience, asked for anew each time: the daemon keeps those that still hold. Throws IdentityError. */
  fetchJwtSvid(choice: JwtSvidChoice): Promise<JwtSvid> {
    return this.#client.fetchJwtSvid(choice)
  }

  /** One of each identity. Throws IdentityError. */
  fetchJwtSvids(choice: JwtSvidChoice): Promise<readonly JwtSvid[]> {
    return this.#client.fetchJwtSvids(choice)
  }

  /** Whom to believe. Throws IdentityError once that was taken back, or this was closed. */
  get bundles(): BundleSet {
    return this.#state.now
  }

  /** The same, for {@link validateJwtSvid}. */
  readonly bundleSource: BundleSource = trustDomain => this.#state.now.get(trustDomain)

  /**
   * The identity that a JWT-SVID proves to `audience`: judged here, nobody is asked.
   *
   * @throws ProtocolError as {@link validateJwtSvid}, IdentityError as {@link bundles}
   */
  validate(token: string, audience: string): VerifiedJwtSvid {
    return validateJwtSvid(token, { audience, bundles: this.bundles, at: Math.floor(this.#now() / 1000) })
  }

  /** Calls at each new state of the bundles, and when they were taken back. Gives what ends it. */
  onUpdate(listener: () => void): () => void {
    return this.#state.onUpdate(listener)
  }

  /** Follows no more. */
  close(): void {
    this.#end()
    this.#state.close()
    this.#client.close()
  }
}
