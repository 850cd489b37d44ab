import type { Step } from './store.ts'

export interface EpochRows {
  current(): Step<number>
  /**
   * Adds one, in one counter row that stays locked until the commit: so the order of epochs is the order of commits,
   * which that of a sequence is not. Called when nothing is left to wait for; only rows that carry the number follow.
   */
  bump(): Step<number>
}

/** What can die. Values: SPIFFE ID, tenant name, lineage (hex), key thumbprint, issuer key id (hex). */
export type DeathKind = 'agent' | 'tenant' | 'lineage' | 'key' | 'issuer'

/** How one subject stands: two numbers that only grow. It is dead while `reborn <= through`. */
export interface DeathState {
  readonly kind: DeathKind
  readonly value: string
  /** Incarnations up to this one are dead; 1 for subjects that have none. */
  readonly through: number
  /** The incarnation that lives again; 0 where there is none. */
  readonly reborn: number
  /** Of its last change. */
  readonly epoch: number
  readonly at: number
  /** When nothing that it concerns lives any longer; null: it stays. */
  readonly until: number | null
}

export interface DeathRows {
  find(kind: DeathKind, value: string): Step<DeathState | undefined>
  /** Those of the subjects that ever died, in one statement. */
  among(subjects: readonly (readonly [DeathKind, string])[]): Step<readonly DeathState[]>
  /** Inserts, or raises what is there to the greater of both. `until` becomes the one given. */
  put(deaths: readonly DeathState[]): Step<void>
  /** Changed after `epoch`, by epoch; at most `limit`, but an epoch never in part: its last may bring more. */
  since(epoch: number, limit: number): Step<readonly DeathState[]>
  /** All that still matter at `now`, by epoch. */
  all(now: number): Step<readonly DeathState[]>
}
