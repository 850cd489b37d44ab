import { setImmediate } from 'node:timers/promises'
import type { Clock } from '@lanyard/authority'

export interface ThreadShare {
  /** Milliseconds of this thread that may be taken at once. */
  readonly atOnce: number
  /** Milliseconds that come back in a second. */
  readonly perSecond: number
}

/**
 * Time of this thread that somebody may take, all kills waiting meanwhile. What was taken is not known before it is
 * over: it may go below nothing once, and is waited for then.
 */
export class ThreadTime {
  readonly #share: ThreadShare
  readonly #clock: Pick<Clock, 'now'>
  #left: number
  #at: number

  constructor(share: ThreadShare, clock: Pick<Clock, 'now'>) {
    this.#share = share
    this.#clock = clock
    this.#left = share.atOnce
    this.#at = clock.now()
  }

  /** Milliseconds until there is some left; 0: there is. */
  get waitMs(): number {
    const at = this.#clock.now()
    // A clock that was set back adds nothing and takes nothing away.
    const came = (Math.max(0, at - this.#at) / 1000) * this.#share.perSecond
    this.#left = Math.min(this.#share.atOnce, this.#left + came)
    this.#at = at
    return this.#left > 0 ? 0 : Math.ceil((1 - this.#left) / this.#share.perSecond) * 1000
  }

  take(ms: number): void {
    this.#left -= ms
  }
}

/** So long a turn may last where many questions are asked in one. */
const TURN_MS = 10

/** Lets what waits go first, a kill for one, where one call asks about many things. */
export class Turn {
  #since = performance.now()

  /** Kept at once within the turn, else in a new one. */
  async go(): Promise<void> {
    if (performance.now() - this.#since < TURN_MS) return
    await setImmediate()
    this.#since = performance.now()
  }
}
