import { closeSync } from 'node:fs'
import type { HeldProcess } from '../ports.ts'
import { endedOf } from './native.ts'
import { statOf, statusOf } from './proc.ts'
import { unwatch, type Watched, watch } from './watch.ts'

export interface HeldFacts {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly startTime: bigint
  /** Null: the start time must do. Owned by what is made of it. */
  readonly pidfd: number | null
}

/** What is found out, or null when the system cannot say, for want of descriptors perhaps: nobody has ended by that. */
function tell(find: () => boolean): boolean | null {
  try {
    return find()
  } catch {
    return null
  }
}

/**
 * A process held by a descriptor of it, or where the kernel gives none, by its start time. Facts read from `/proc` by its
 * number are facts of this process when {@link isAlive} says yes *afterwards*: as long as it lives nobody else has its number.
 */
export class Held implements HeldProcess, Watched {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly startTime: bigint
  readonly #listeners = new Set<() => void>()
  #pidfd: number | null
  #state: 'held' | 'ended' | 'released' = 'held'

  constructor({ pid, uid, gid, startTime, pidfd }: HeldFacts) {
    this.pid = pid
    this.uid = uid
    this.gid = gid
    this.startTime = startTime
    this.#pidfd = pidfd
  }

  get pidfd(): number | null {
    return this.#pidfd
  }

  isAlive(): boolean {
    if (this.#state !== 'held') return false
    const alive = this.#look()
    if (alive === false) this.ended()
    return alive === true
  }

  /** The descriptor is asked last: it proves that what was read before is about this process. Null: it cannot be told. */
  #look(): boolean | null {
    const same = tell(() => this.#isTheSame())
    const ended = this.hasEnded()
    if (ended || same === false) return false
    return ended === null ? null : same
  }

  /** A process whose uid or gid is another by now counts as ended for good: it connected as somebody else. */
  #isTheSame(): boolean {
    const status = statusOf(this.pid)
    return this.#runs() && status?.uid === this.uid && status.gid === this.gid
  }

  #runs(): boolean {
    const stat = statOf(this.pid)
    return stat?.startTime === this.startTime && stat.state !== 'Z' && stat.state !== 'X'
  }

  hasEnded(): boolean | null {
    if (this.#pidfd !== null) return endedOf([this.#pidfd])?.[0] ?? null
    const runs = tell(() => this.#runs())
    return runs === null ? null : !runs
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
    this.#state = 'released'
    this.#listeners.clear()
    this.#close()
  }

  #close(): void {
    unwatch(this)
    if (this.#pidfd === null) return
    closeSync(this.#pidfd)
    this.#pidfd = null
  }
}
