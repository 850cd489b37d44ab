import type { Authority, Credential, Vouching } from '../client/authority.ts'
import { IdentityError } from '../errors.ts'
import { verdictOn } from './verdict.ts'

/** A token of the tenant's identity provider together with the one key that it comes for. */
export class Voucher {
  readonly #token: string
  readonly #vouching: Vouching
  #agentToken: string | null = null
  #refused: IdentityError | null = null

  constructor(token: string, vouching: Vouching) {
    this.#token = token
    this.#vouching = vouching
  }

  /** Whether it has opened a lineage. */
  get opened(): boolean {
    return this.#agentToken !== null
  }

  /** Whether this token is the same: what was signed counts, since a signature can be written in several ways. */
  holds(token: string): boolean {
    return signedPart(token) === signedPart(this.#token)
  }

  /** Whether it opens nothing any more: it has opened a lineage, or was refused for good. */
  get spent(): boolean {
    return this.opened || this.#refused !== null
  }

  /** Why this token shall not be used with another key. */
  alreadyUsed(): IdentityError {
    const cause = this.#refused
    const got = cause === null ? 'that came with an earlier key' : `that was refused as ${cause.code}`
    const detail = `expected a token of the provider that was not used before, got the one ${got}`
    return new IdentityError('idp_token_spent', detail, cause === null ? {} : { cause })
  }

  /**
   * The agent token that it is exchanged for, for this key alone; once there is one, that one.
   *
   * @throws IdentityError as {@link Authority.exchange}
   */
  async open(authority: Authority, signal?: AbortSignal): Promise<Credential> {
    try {
      this.#agentToken ??= await authority.exchange(this.#token, this.#vouching, signal)
      return { token: this.#agentToken }
    } catch (error) {
      if (error instanceof IdentityError && verdictOn(error) === 'new-token') this.#refused = error
      throw error
    }
  }
}

function signedPart(jwt: string): string {
  const end = jwt.lastIndexOf('.')
  return end === -1 ? jwt : jwt.slice(0, end)
}
