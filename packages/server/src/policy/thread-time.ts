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

/** So long a turn lasts, but for the question that it ends with. */
const TURN_MS = 2

const waiting: (() => void)[] = []

/** One in each turn of the thread's loop, who came first first. */
function next(): Promise<void> {
  return new Promise(resolve => {
    waiting.push(resolve)
    if (waiting.length === 1) setImmediate(letOne)
  })
}

function letOne(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(letOne)
}

/**
 * The turns of a call that asks about many things. All such calls share one place in the loop of the thread, so that a kill
 * waits for one turn of one of them each time that it reads or writes, however many there are.
 */
export class Turns {
  #until = 0

  /** Kept when it is this call's turn, at once while it lasts. */
  async mine(): Promise<void> {
    if (performance.now() < this.#until) return
    await next()
    this.#until = performance.now() + TURN_MS
  }
}
