import { BEARER_TOKEN } from '../client/reply.ts'
import { codeOf, IdentityError } from '../errors.ts'

/** A token, or a function that gets a fresh one each time it is called. */
export type Token = string | (() => string | Promise<string>)

/** Where tokens come from. */
export class TokenSource {
  readonly #token: Token
  readonly #option: string

  /** `option`: what it was given as. Throws TypeError. */
  constructor(token: Token, option: string) {
    this.#option = option
    this.#token = typeof token === 'function' ? token : checkToken(token)
  }

  /** Whether another token can be had once one was refused. */
  get renewable(): boolean {
    return typeof this.#token === 'function'
  }

  /** @throws IdentityError `token_unavailable` */
  async next(): Promise<string> {
    if (typeof this.#token !== 'function') return this.#token
    try {
      return checkToken(await this.#token())
    } catch (cause) {
      // The message of the cause is not repeated: it may hold what the function dealt with, secrets included.
      throw new IdentityError('token_unavailable', `the function given as ${this.#option} failed: ${codeOf(cause)}`, {
        cause,
      })
    }
  }
}

/** A token goes into a header as it is. */
function checkToken(token: unknown): string {
  if (typeof token !== 'string') throw new TypeError(`expected a token as a string, got ${typeof token}`)
  const trimmed = token.trim()
  if (!BEARER_TOKEN.test(trimmed)) throw new TypeError(`expected a bearer token, got ${trimmed.length} characters`)
  return trimmed
}
