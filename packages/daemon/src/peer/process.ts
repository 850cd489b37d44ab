import { closeSync } from 'node:fs'
import type { HeldProcess } from '../ports.ts'
import { endedOf } from './native.ts'
import { ownerIn, type ProcessOwner } from './proc.ts'
import { unwatch, type Watched, watch } from './watch.ts'

export interface HeldFacts {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly startTime: bigint
  /** Of {@link openStatus}. It and the next are owned by what is made of them. */
  readonly status: number
  /** Null: this kernel gives none, and `status` must do. */
  readonly pidfd: number | null
}

/**
 * A process held by descriptors of it, which never are another's. Facts read from `/proc` by its number are facts of this
 * process when {@link isAlive} says yes *afterwards*: as long as it lives nobody else has its number. To ask takes no further
 * descriptor, so that nobody ends by want of them.
 */
export class Held implements HeldProcess, Watched {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly startTime: bigint
  readonly #listeners = new Set<() => void>()
  readonly #status: number
  readonly #pidfd: number | null
  #state: 'held' | 'ended' | 'released' = 'held'

  constructor({ pid, uid, gid, startTime, status, pidfd }: HeldFacts) {
    this.pid = pid
    this.uid = uid
    this.gid = gid
    this.startTime = startTime
    this.#status = status
    this.#pidfd = pidfd
  }

  get pidfd(): number | null {
    return this.#pidfd
  }

  isAlive(): boolean {
    if (this.#state !== 'held') return false
    const alive = this.#isTheSame() && this.hasEnded() === false
    if (!alive) this.ended()
    return alive
  }

  /** A process whose uid or gid is another by now counts as ended for good: it connected as somebody else. */
  #isTheSame(): boolean {
    const owner = this.#running()
    return owner?.uid === this.uid && owner.gid === this.gid
  }

  /** Null: it runs no more. An error never means that it does. */
  #running(): ProcessOwner | null {
    try {
      const owner = ownerIn(this.#status)
      return owner?.state === 'Z' || owner?.state === 'X' ? null : owner
    } catch {
      return null
    }
  }

  hasEnded(): boolean | null {
    return this.#pidfd === null ? this.#running() === null : (endedOf([this.#pidfd])?.[0] ?? null)
  }

  onEnd(listener: () => void): () => void {
    // Its own object, so that the same function may wait twice.
    const own = () => listener()
    if (this.#state === 'ended') queueMicrotask(() => this.#listeners.delete(own) && own())
    if (this.#state !== 'released') this.#listeners.add(own)
    if (this.#state === 'held') watch(this)
    return () => this.#forget(own)
  }

  #forget(own: () => void): void {
    this.#listeners.delete(own)
    if (this.#listeners.size === 0) unwatch(this)
  }

  /** Seen to have ended: tells, and gives the descriptor back. A listener that throws hinders no other. */
  ended(): void {
    if (this.#state !== 'held') return
    this.#state = 'ended'
    this.#close()
    for (const own of this.#listeners) queueMicrotask(() => this.#listeners.delete(own) && own())
  }

  release(): void {
    this.#listeners.clear()
    if (this.#state === 'held') this.#close()
    this.#state = 'released'
  }

  #close(): void {
    unwatch(this)
    closeSync(this.#status)
    if (this.#pidfd !== null) closeSync(this.#pidfd)
  }
}
