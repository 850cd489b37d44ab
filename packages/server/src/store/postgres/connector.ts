import { unavailable } from './failure.ts'
import { Session } from './session.ts'

/** After an attempt that failed, in milliseconds, no other is made for so long: calls are refused at once meanwhile. */
const PAUSE_MS = 100

/** Makes sessions of one database. While it is away, many who want one cost few attempts. */
export class Connector {
  readonly #url: string
  #failure: { readonly error: unknown; readonly until: number } | null = null

  constructor(url: string) {
    this.#url = url
  }

  /** Throws `store_unavailable`, whatever keeps the database from being used: it was fit when the store was opened. */
  async connect(): Promise<Session> {
    const failure = this.#failure
    if (failure && performance.now() < failure.until) throw failure.error
    try {
      const session = await Session.connect(this.#url)
      this.#failure = null
      return session
    } catch (cause) {
      const error = unavailable('the database cannot be used', cause)
      this.#failure = { error, until: performance.now() + PAUSE_MS }
      throw error
    }
  }
}
