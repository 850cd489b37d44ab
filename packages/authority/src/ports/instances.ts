import type { Step } from './store.ts'

/** An instance of the authority, as all of them see it. */
export interface InstanceState {
  /** UUID. */
  readonly instance: string
  readonly createdAt: number
  readonly seenAt: number | null
  readonly evictedAt: number | null
}

export interface InstanceRows {
  /** Oldest first; writers that are no instances of their own are left out. */
  list(): Step<readonly InstanceState[]>
  find(instance: string): Step<InstanceState | undefined>
  seen(instance: string, at: number): Step<void>
  evict(instance: string, at: number): Step<void>
  /** Hex subject key identifiers of its intermediates and of its feed's keys, as far as they have not ended at `now`. */
  issuers(instance: string, now: number): Step<readonly string[]>
}
