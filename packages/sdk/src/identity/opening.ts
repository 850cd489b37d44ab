import { makePending, type Pending } from './attempt.ts'
import type { KeySource } from './keys.ts'
import type { TokenSource } from './token-source.ts'

/** How a lineage begins: what its first certificate is asked for with. */
export interface Opening {
  /** Whether another lineage can begin when one has ended. */
  readonly renewable: boolean
  /**
   * The request for the first certificate of a lineage.
   *
   * @throws IdentityError `token_unavailable`, `idp_token_spent`
   */
  begin(keys: KeySource): Promise<Pending>
}

/** By agent tokens, each good for one key. */
export class TokenOpening implements Opening {
  readonly #tokens: TokenSource

  constructor(tokens: TokenSource) {
    this.#tokens = tokens
  }

  get renewable(): boolean {
    return this.#tokens.renewable
  }

  async begin(keys: KeySource): Promise<Pending> {
    const token = await this.#tokens.next()
    return makePending({ token }, await keys.take())
  }
}
