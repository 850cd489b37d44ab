import { LanyardError } from '@lanyard/api'
import type { Locks, Statement, Step } from '@lanyard/authority'
import { Blocked, type Database, lockStatements, type Transaction } from './database.ts'
import { Violation } from './violation.ts'

type Run = (transaction: Transaction) => unknown

/**
 * One transaction as a program sends it, a statement at a time: locks, then the step's statements, then the commit.
 * Nothing happens between two calls of {@link next}.
 */
export class Act<T> {
  readonly name: string
  /** What every statement answered: with it the step itself is known, since steps depend on nothing else. */
  readonly history: string[] = []
  state: 'running' | 'blocked' | 'committed' | 'refused' = 'running'
  result: T | undefined
  error: unknown
  /** The commit happened, and nobody was told. */
  unanswered = false
  readonly #transaction: Transaction
  readonly #locks: Run[]
  readonly #step: Step<T>
  readonly #writes: boolean
  #statement: Run | null = null
  #ended = false
  #answer: unknown

  /** Without locks it is a read, which sees only what is committed. */
  constructor(database: Database, name: string, locks: Locks | null, step: () => Step<T>) {
    this.name = name
    this.#transaction = database.begin(name)
    this.#locks = locks === null ? [] : [...lockStatements(locks)]
    this.#writes = locks !== null
    this.#step = step()
  }

  /** Whether nothing more will come of it. */
  get over(): boolean {
    return this.state === 'committed' || this.state === 'refused'
  }

  get waitsFor(): readonly Transaction[] {
    return this.#transaction.waitsFor
  }

  /** Whether {@link next} would get any further now. */
  get ready(): boolean {
    if (this.state === 'blocked') return this.waitsFor.some(one => !one.database.open.includes(one))
    return this.state === 'running'
  }

  /** Whether it waits, over others that wait, for itself. */
  get waitsForItself(): boolean {
    const seen = new Set<Transaction>()
    const open = [...this.waitsFor]
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      if (one === this.#transaction) return true
      if (!seen.has(one)) open.push(...one.waitsFor)
      seen.add(one)
    }
    return false
  }

  /** Sends one statement, or the commit. `at` is the true time. */
  next(at: number): void {
    if (this.#transaction.lost) {
      this.#refuse(new Error('the database went away'))
      return
    }
    this.state = 'running'
    this.#transaction.waitsFor = []
    try {
      const lock = this.#locks[0]
      if (lock !== undefined) {
        this.#transaction.run(lock)
        this.#locks.shift()
        this.history.push('locked')
      } else if (this.#ended) this.#commit(at)
      else this.#run()
    } catch (error) {
      if (error instanceof Blocked) this.#wait(error)
      else if (error instanceof LanyardError) this.#refuse(error)
      else throw error
    }
  }

  /** Ends it undone, as when its process dies. */
  abort(): void {
    if (this.over) return
    this.#transaction.abort()
    this.state = 'refused'
    this.error = new Error('its process died')
  }

  /** What a step does between two statements is its own business and takes no time. */
  #run(): void {
    if (this.#statement === null) this.#ask()
    if (this.#statement !== null) {
      this.#answer = this.#transaction.run(this.#statement)
      this.history.push(JSON.stringify(this.#answer) ?? 'nothing')
      this.#ask()
    }
    if (this.#ended && !this.#writes) this.#commit(0)
  }

  #ask(): void {
    const asked = this.#step.next(this.#answer) as IteratorResult<Statement, T>
    this.#statement = asked.done ? null : (asked.value.parameters[0] as Run)
    if (!asked.done) return
    this.result = asked.value
    this.#ended = true
  }

  #commit(at: number): void {
    this.#transaction.commit(at)
    this.state = 'committed'
  }

  #wait({ by }: Blocked): void {
    this.state = 'blocked'
    this.#transaction.waitsFor = by
  }

  #refuse(error: unknown): void {
    // Many steps share a transaction: one that throws must not have written, or its half would be committed with theirs.
    if (this.#transaction.writes.size > 0 && !this.#transaction.lost)
      throw new Violation(`${this.name} threw after it had written: ${(error as Error).message}`)
    this.#transaction.abort()
    this.state = 'refused'
    this.error = error
  }
}
