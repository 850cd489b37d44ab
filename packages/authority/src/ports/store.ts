/** The time. Everything below this floor receives it. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number
}

/** Unpredictable bytes. */
export interface Dice {
  bytes(length: number): Uint8Array
}

/**
 * Part of a transaction, as a generator: each yield is one statement, which the store runs and answers. So the same
 * lines run as one synchronous block on SQLite, as round trips on PostgreSQL, and step by step in a test that tries
 * every interleaving. Write `yield*` to call another step. A step decides before it writes: one that throws must not
 * have written, since many steps share one transaction.
 */
export type Step<T> = Generator<Statement, T, unknown>

/** What a store can run. Only the store that made it looks inside. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/**
 * What a transaction locks before its first statement, always in this order: the trust domain, then tenants by name.
 * `shared` lets others share; `exclusive` waits for every holder. A tenant named is locked so, with the trust domain
 * shared; `tenants: 'all'` locks the trust domain itself.
 */
export interface Locks {
  readonly mode: 'shared' | 'exclusive'
  readonly tenants: readonly string[] | 'all'
}

/** Locks for acts that are told elsewhere, by what they concern. */
export const shared = (...tenants: readonly string[]): Locks => ({ mode: 'shared', tenants })
export const exclusive = (...tenants: readonly string[]): Locks => ({ mode: 'exclusive', tenants })
export const exclusiveAll: Locks = { mode: 'exclusive', tenants: 'all' }

/** Where steps run. */
export interface Store {
  /** Runs a step that only reads, on what is committed. */
  read<T>(step: () => Step<T>): Promise<T>
  /**
   * Runs a step in a transaction, grouped with others; the promise is kept once the commit is durable, and broken
   * with `store_unavailable` when nothing of the step was stored. Without locks a step must not read what decides
   * before it writes.
   */
  write<T>(step: () => Step<T>, locks: Locks): Promise<T>
  /**
   * The same for deaths, on a connection and in commit groups of their own, with disk space kept free for it: nothing
   * that others write delays it, but a group that holds its locks at this moment.
   */
  urgent<T>(step: () => Step<T>, locks: Locks): Promise<T>
}

/** Where a list goes on: `after` is the `next` of the page before, null at the start. */
export interface Page {
  readonly limit: number
  readonly after: string | null
}

export interface Listed<T> {
  readonly items: readonly T[]
  readonly next: string | null
}
