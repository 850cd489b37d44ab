import type { DeathState } from '@lanyard/authority'
import { type Crypto, type Death, type Rebirth, type Subject, subjectOf } from '@lanyard/protocol'

/** How a subject came to stand with an epoch, as lines tell it. */
export interface Change {
  readonly subject: Subject
  readonly epoch: number
  readonly through: number
  /** 0: nothing lives again. */
  readonly reborn: number
  readonly until: number | null
}

/** Changes that are kept one by one, so that readers who were away for a while need no snapshot. */
const KEPT = 65_536

/** What died and what lives again, by the order of epochs: all that still matters, and what came last. */
export class Changes {
  readonly #crypto: Crypto
  readonly #kept: number
  readonly #standing = new Map<Subject, Change>()
  /** By epoch. A subject that changed again stands there again. */
  #latest: Change[] = []
  /** What came up to this epoch is not kept one by one. */
  #floor: number

  /** `deaths`: all that matter at `epoch`. */
  constructor(deaths: readonly DeathState[], epoch: number, crypto: Crypto, kept = KEPT) {
    this.#crypto = crypto
    this.#kept = kept
    this.#floor = epoch
    this.#stand(this.read(deaths))
  }

  /** What was read, as lines tell it. */
  read(deaths: readonly DeathState[]): readonly Change[] {
    return deaths.map(({ kind, value, epoch, through, reborn, until }) => {
      const subject = subjectOf(kind, value, this.#crypto)
      return { subject, epoch, through, reborn, until }
    })
  }

  /** Takes in what came, by epoch. */
  add(changes: readonly Change[]): void {
    this.#stand(changes)
    for (const change of changes) this.#latest.push(change)
    // Not one by one: taking from the front moves all that is behind.
    if (this.#latest.length > 2 * this.#kept) {
      const dropped = this.#latest.length - this.#kept
      this.#floor = this.#latest[dropped - 1]!.epoch
      this.#latest = this.#latest.slice(dropped)
    }
  }

  /** What came after an epoch, each subject as it stands now; null when that is not kept. */
  since(epoch: number): readonly Change[] | null {
    if (epoch < this.#floor) return null
    const changed = new Map<Subject, Change>()
    for (let i = this.#latest.length - 1; i >= 0 && this.#latest[i]!.epoch > epoch; i--) {
      const change = this.#latest[i]!
      if (!changed.has(change.subject)) changed.set(change.subject, change)
    }
    return [...changed.values()].reverse()
  }

  /** All that matters at `now`, Unix milliseconds; forgets the rest. */
  all(now: number): readonly Change[] {
    for (const [subject, { until }] of this.#standing) if (until !== null && until < now) this.#standing.delete(subject)
    return [...this.#standing.values()]
  }

  #stand(changes: readonly Change[]): void {
    for (const change of changes) this.#standing.set(change.subject, change)
  }
}

/** Changes as the members of a line. */
export const told = (changes: readonly Change[]): { deaths: readonly Death[]; rebirths: readonly Rebirth[] } => ({
  deaths: changes.map(({ subject, through, until }) => ({ subject, through, until })),
  rebirths: changes.flatMap(({ subject, reborn }) => (reborn > 0 ? [{ subject, incarnation: reborn }] : [])),
})
