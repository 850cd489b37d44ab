import { Announcement, type Ask } from '../client/services.ts'
import type { IdentityError } from '../errors.ts'
import type { AnyServer, Serving } from '../guard/serve.ts'
import type { TimeSource } from '../time.ts'

/** Where the servers of an identity are, as the authority is told. */
export class Announcements {
  readonly #open = new Set<Announcement>()
  readonly #ask: Ask
  readonly #time: TimeSource
  readonly #failed: (error: IdentityError) => void

  constructor(ask: Ask, time: TimeSource, failed: (error: IdentityError) => void) {
    this.#ask = ask
    this.#time = time
    this.#failed = failed
  }

  /** Tells of a server for as long as it listens. */
  add<S extends Serving<AnyServer>>(serving: S, url: string): S {
    const announcement = new Announcement({ url, ask: this.#ask, time: this.#time, failed: this.#failed })
    this.#open.add(announcement)
    serving.server.once('close', () => this.#open.delete(announcement))
    return { ...serving, close: () => Promise.all([serving.close(), announcement.withdraw()]).then(() => {}) }
  }

  async withdraw(): Promise<void> {
    await Promise.all([...this.#open].map(each => each.withdraw()))
  }
}
