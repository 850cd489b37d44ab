import type { Locks } from '@lanyard/authority'

/** What a statement throws that must wait: nothing of it has happened, and it is tried again when one of these ended. */
export class Blocked extends Error {
  readonly by: readonly Transaction[]

  constructor(by: readonly Transaction[]) {
    super(`waits for ${by.map(({ name }) => name).join(', ')}`)
    this.by = by
  }
}

/** Tables by name, rows by key. Rows are never changed, only replaced. */
type Tables = Map<string, Map<string, object>>
type Mode = 'shared' | 'exclusive'

/** A lock by name, granted in the order of asking: who waits for all to leave is not overtaken. */
interface NamedLock {
  readonly holders: Map<Transaction, Mode>
  readonly queue: { readonly by: Transaction; readonly mode: Mode }[]
}

interface Committed {
  readonly at: number
  /** What stood there before; null: nothing. */
  readonly before: ReadonlyMap<string, object | null>
}

/**
 * A database as PostgreSQL is one at READ COMMITTED: each statement sees what is committed when it begins and what its own
 * transaction wrote, rows that are written stay locked until the end, and locks by name are fair. Nothing runs by itself:
 * whoever drives it decides which statement is next, so that every order can be tried.
 */
export class Database {
  readonly #tables: Tables = new Map()
  readonly #rowLocks = new Map<string, Transaction>()
  readonly #namedLocks = new Map<string, NamedLock>()
  readonly #open = new Set<Transaction>()
  #log: Committed[] = []
  /** A counter outside of all transactions, as sequences are. */
  sequence = 0
  /** Changes when history is lost. */
  timeline = 1

  begin(name: string): Transaction {
    const transaction = new Transaction(this, name)
    this.#open.add(transaction)
    return transaction
  }

  get open(): readonly Transaction[] {
    return [...this.#open]
  }

  committed(address: string): object | undefined {
    const [table, key] = parts(address)
    return this.#tables.get(table)?.get(key)
  }

  keys(table: string): readonly string[] {
    return [...(this.#tables.get(table)?.keys() ?? [])]
  }

  rows<T>(table: string): readonly T[] {
    return [...(this.#tables.get(table)?.values() ?? [])] as T[]
  }

  /** Takes a row's lock or throws {@link Blocked}. */
  lockRow(address: string, by: Transaction): void {
    const holder = this.#rowLocks.get(address)
    if (holder !== undefined && holder !== by) throw new Blocked([holder])
    this.#rowLocks.set(address, by)
  }

  /** Takes a lock by name or joins its queue and throws {@link Blocked}. */
  lockName(name: string, mode: Mode, by: Transaction): void {
    let lock = this.#namedLocks.get(name)
    if (lock === undefined) {
      lock = { holders: new Map(), queue: [] }
      this.#namedLocks.set(name, lock)
    }
    let place = lock.queue.findIndex(waiting => waiting.by === by)
    if (place < 0) place = lock.queue.push({ by, mode }) - 1
    const ahead = [...lock.holders, ...lock.queue.slice(0, place).map(one => [one.by, one.mode] as const)]
    const against = ahead.filter(([other, held]) => other !== by && (mode === 'exclusive' || held === 'exclusive'))
    if (against.length > 0) throw new Blocked(against.map(([other]) => other))
    lock.queue.splice(place, 1)
    lock.holders.set(by, mode)
  }

  /** Makes the writes of a transaction visible, at one moment. */
  commit(transaction: Transaction, at: number): void {
    const before = new Map([...transaction.writes.keys()].map(address => [address, this.committed(address) ?? null]))
    for (const [address, row] of transaction.writes) this.#set(address, row)
    if (before.size > 0) this.#log.push({ at, before })
    this.#end(transaction)
  }

  abort(transaction: Transaction): void {
    this.#end(transaction)
  }

  /** Every transaction ends undone; what was committed stays. */
  restart(): void {
    for (const transaction of this.#open) transaction.lost = true
    this.#open.clear()
    this.#rowLocks.clear()
    this.#namedLocks.clear()
  }

  /** Another server goes on, that knows nothing of what was committed after `until`. Gives how much was lost. */
  failOver(until: number): number {
    this.restart()
    const lost = this.#log.filter(({ at }) => at > until)
    for (const { before } of lost.toReversed()) for (const [address, row] of before) this.#set(address, row)
    this.#log = []
    this.timeline++
    return lost.length
  }

  /** Forgets how to go back to before `at`. */
  forget(at: number): void {
    this.#log = this.#log.filter(entry => entry.at > at)
  }

  /** All that decides how the database goes on, as a text. */
  fingerprint(): string {
    const tables = [...this.#tables].map(([name, rows]) => [name, textOf(rows)]).toSorted(byKey)
    const named = [...this.#namedLocks].map(([name, { holders, queue }]) => [
      name,
      [...holders].map(([by, mode]) => `${by.name} ${mode}`).toSorted(),
      queue.map(({ by, mode }) => `${by.name} ${mode}`),
    ])
    const locked = [...this.#rowLocks].map(([address, by]) => `${address} ${by.name}`).toSorted()
    const open = [...this.#open].map(({ name, writes }) => [name, textOf(writes)]).toSorted(byKey)
    return JSON.stringify([tables, named.toSorted(byKey), locked, open, this.sequence])
  }

  #set(address: string, row: object | null): void {
    const [name, key] = parts(address)
    let table = this.#tables.get(name)
    if (table === undefined) {
      table = new Map()
      this.#tables.set(name, table)
    }
    if (row === null) table.delete(key)
    else table.set(key, row)
  }

  #end(transaction: Transaction): void {
    this.#open.delete(transaction)
    for (const [address, by] of this.#rowLocks) if (by === transaction) this.#rowLocks.delete(address)
    for (const [name, { holders, queue }] of this.#namedLocks) {
      holders.delete(transaction)
      const place = queue.findIndex(({ by }) => by === transaction)
      if (place >= 0) queue.splice(place, 1)
      if (holders.size + queue.length === 0) this.#namedLocks.delete(name)
    }
  }
}

const parts = (address: string): [table: string, key: string] => {
  const slash = address.indexOf('/')
  return [address.slice(0, slash), address.slice(slash + 1)]
}

const texts = new WeakMap<object, string>()

/** Rows by key as a text. Since they are only replaced, each is written once. */
function textOf(rows: ReadonlyMap<string, object | null>): string {
  const lines = [...rows].toSorted(byKey).map(([key, row]) => {
    if (row === null) return `${key} nothing`
    let text = texts.get(row)
    if (text === undefined) {
      text = JSON.stringify(row)
      texts.set(row, text)
    }
    return `${key} ${text}`
  })
  return lines.join('\n')
}

const byKey = (a: readonly unknown[], b: readonly unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1)

/** What one transaction sees and has written. */
export class Transaction {
  readonly name: string
  readonly writes = new Map<string, object | null>()
  /** The database ended it: nothing of it will ever be. */
  lost = false
  /** Who must end before its statement can go on. */
  waitsFor: readonly Transaction[] = []
  readonly #database: Database
  /** What the statement that waits found when it began. */
  readonly #found = new Map<string, unknown>()

  constructor(database: Database, name: string) {
    this.#database = database
    this.name = name
  }

  get database(): Database {
    return this.#database
  }

  get<T extends object>(table: string, key: string): T | undefined {
    const address = `${table}/${key}`
    const own = this.writes.get(address)
    return (own === undefined ? this.#database.committed(address) : (own ?? undefined)) as T | undefined
  }

  all<T extends object>(table: string): readonly T[] {
    const own = [...this.writes.keys()].map(parts).filter(([name]) => name === table)
    const keys = new Set([...this.#database.keys(table), ...own.map(([, key]) => key)])
    return [...keys].toSorted().flatMap(key => this.get<T>(table, key) ?? [])
  }

  lock(table: string, key: string): void {
    this.#database.lockRow(`${table}/${key}`, this)
  }

  put(table: string, key: string, row: object): void {
    this.lock(table, key)
    this.writes.set(`${table}/${key}`, row)
  }

  remove(table: string, key: string): void {
    this.lock(table, key)
    this.writes.set(`${table}/${key}`, null)
  }

  /**
   * What a statement saw when it began, also when it had to wait since: rows that others have committed meanwhile are not
   * among what it writes.
   */
  once<T>(what: string, find: () => T): T {
    if (!this.#found.has(what)) this.#found.set(what, find())
    return this.#found.get(what) as T
  }

  /** One statement, from its begin or again after it waited. */
  run<T>(statement: (transaction: Transaction) => T): T {
    const result = statement(this)
    this.#found.clear()
    return result
  }

  commit(at: number): void {
    this.#database.commit(this, at)
  }

  abort(): void {
    this.#database.abort(this)
  }
}

/** The locks of a transaction, one statement each, in the order that all obey. */
export function lockStatements({ mode, tenants }: Locks): readonly ((transaction: Transaction) => void)[] {
  const take = (name: string, how: Mode) => (by: Transaction) => by.database.lockName(name, how, by)
  if (tenants === 'all') return [take('trust domain', mode)]
  return [take('trust domain', 'shared'), ...tenants.toSorted().map(tenant => take(`tenant ${tenant}`, mode))]
}
