import { IdentityError } from '../errors.ts'
import type { TimeSource } from '../time.ts'
import type { Svid } from './svid.ts'

/** How long whoever asks waits for an answer. */
const ANSWER_MS = 30_000

interface Open extends PromiseWithResolvers<Svid> {
  readonly cancel: () => void
}

/** What is asked of a source that tells by itself what there is: all who ask meanwhile get the next thing that it tells. */
export class Question {
  readonly #time: TimeSource
  #open: Open | null = null

  constructor(time: TimeSource) {
    this.#time = time
  }

  /** Whether somebody waits. */
  get isOpen(): boolean {
    return this.#open !== null
  }

  /**
   * The answer. `put` asks, where nobody waits for one already.
   *
   * @throws IdentityError `workload_api_unavailable` when none comes in time, and what it is refused with
   */
  ask(put: () => void): Promise<Svid> {
    if (this.#open !== null) return this.#open.promise
    const late = new IdentityError('workload_api_unavailable', `expected an answer within ${ANSWER_MS} ms`)
    const asked = Promise.withResolvers<Svid>()
    // Held, since somebody waits.
    const cancel = this.#time.after(ANSWER_MS, () => this.refuse(late), { hold: true })
    this.#open = { ...asked, cancel }
    put()
    return asked.promise
  }

  answer(svid: Svid): void {
    this.#close()?.resolve(svid)
  }

  refuse(error: IdentityError): void {
    this.#close()?.reject(error)
  }

  /** There are no more answers; who does not look at theirs any more need not. */
  end(): void {
    this.#open?.promise.catch(() => {})
    this.refuse(new IdentityError('identity_closed', 'the identity was closed'))
  }

  #close(): Open | null {
    const open = this.#open
    this.#open = null
    open?.cancel()
    return open
  }
}
