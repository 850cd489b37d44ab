import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { LanyardError } from '@lanyard/api'
import type { Locks, Step } from '@lanyard/authority'
import type { ChainHeads } from '../chains.ts'
import { type Engine, type Job, type Outcome, runStep, StatementFailed, settle, TornStep } from '../engine.ts'
import type { Runnable } from '../statement.ts'
import { failureOf, isFull } from './failure.ts'
import type { Reserve } from './reserve.ts'

/** Steps in one transaction at most, so that one commit never holds the process for long. */
const GROUP_MAX = 256
/** How long the first write of a group waits at most for others, in milliseconds: about what ten certificates take. */
const GATHER_MS = 2

/**
 * The store on one SQLite connection. Everything runs synchronously: a group of writes is one block from BEGIN to
 * COMMIT, so that no read ever sees half of it and no lock is needed against the others in this process.
 */
export class SqliteEngine implements Engine {
  readonly #db: DatabaseSync
  readonly #heads: ChainHeads
  readonly #reserve: Reserve
  readonly #statements = new Map<string, StatementSync>()
  readonly #urgent: Job[] = []
  readonly #queue: Job[] = []
  #scheduled = false
  #closed = false

  constructor(db: DatabaseSync, heads: ChainHeads, reserve: Reserve) {
    this.#db = db
    this.#heads = heads
    this.#reserve = reserve
  }

  async read<T>(step: () => Step<T>): Promise<T> {
    this.#requireOpen()
    const standing = this.#heads.standing
    try {
      return runStep(step, this.#answerRead)
    } catch (error) {
      this.#heads.putBack(standing)
      throw reasonOf(error)
    }
  }

  // No other transaction runs beside one of these, so that there is nothing to lock.
  async write<T>(step: () => Step<T>, _locks: Locks): Promise<T> {
    const { promise } = this.#enqueue(this.#queue, step)
    this.#schedule()
    return promise
  }

  // At the next turn, alone and before everything else that waits.
  async urgent<T>(step: () => Step<T>, _locks: Locks): Promise<T> {
    const { promise, first } = this.#enqueue(this.#urgent, step)
    if (first) setImmediate(() => this.#runUrgent())
    return promise
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#runUrgent()
    while (this.#queue.length > 0) this.#runGroup()
    this.#statements.clear()
    this.#db.close()
    this.#reserve.close()
  }

  #enqueue<T>(queue: Job[], step: () => Step<T>): { promise: Promise<T>; first: boolean } {
    this.#requireOpen()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    queue.push({ step, resolve: resolve as Job['resolve'], reject })
    return { promise, first: queue.length === 1 }
  }

  #requireOpen(): void {
    if (this.#closed) throw new LanyardError('store_unavailable', 'the store is closed')
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#gather(0, performance.now())
  }

  // After the poll phase. As long as each turn of the event loop brings further writes, the group waits for the next
  // one: a sync costs as much as several writes, and a busy server should share it among many. Alone, a write waits for
  // one empty turn.
  #gather(seen: number, since: number): void {
    setImmediate(() => {
      const waiting = this.#queue.length
      const growing = waiting > seen && waiting < GROUP_MAX && performance.now() - since < GATHER_MS
      if (growing) return this.#gather(waiting, since)
      this.#scheduled = false
      if (waiting > 0) this.#runGroup()
      if (this.#queue.length > 0) this.#schedule()
    })
  }

  #runUrgent(): void {
    if (this.#closed && this.#urgent.length === 0) return
    while (this.#urgent.length > 0) {
      const group = this.#urgent.splice(0, GROUP_MAX)
      const outcomes = this.#attempt(group) ?? group.map(job => this.#runAloneOnReserve(job))
      for (const [index, job] of group.entries()) settle(job, outcomes[index]!)
    }
  }

  #runAloneOnReserve(job: Job): Outcome {
    const outcome = this.#runAlone(job)
    if (!('error' in outcome) || !isFull(outcome.error)) return outcome
    return this.#reserve.spend(() => this.#runAlone(job))
  }

  #runGroup(): void {
    this.#runUrgent()
    const group = this.#queue.splice(0, GROUP_MAX)
    this.#reserve.restore()
    const outcomes = this.#attempt(group) ?? group.map(job => this.#runAlone(job))
    for (const [index, job] of group.entries()) settle(job, outcomes[index]!)
  }

  // Undefined: something in the group broke the transaction, nothing of it is stored, and each must be tried alone.
  #attempt(group: readonly Job[]): Outcome[] | undefined {
    try {
      return this.#transaction(() => group.map(job => this.#outcome(job)))
    } catch {
      return undefined
    }
  }

  #runAlone(job: Job): Outcome {
    try {
      return this.#transaction(() => this.#outcome(job))
    } catch (error) {
      return { error: reasonOf(error) }
    }
  }

  // A step that refuses before it writes is an outcome like any other; all else undoes the transaction.
  #outcome(job: Job): Outcome {
    const standing = this.#heads.standing
    try {
      return { value: runStep(job.step, this.#answer) }
    } catch (error) {
      if (error instanceof TornStep || error instanceof StatementFailed) throw error
      // It may have taken a place for a row and then refused, or stumbled, before the insert.
      this.#heads.putBack(standing)
      return { error }
    }
  }

  #transaction<T>(body: () => T): T {
    this.#begin()
    const { standing } = this.#heads
    try {
      const value = body()
      this.#run('commit')
      return value
    } catch (error) {
      this.#heads.putBack(standing)
      // SQLite undoes the transaction by itself after some errors, such as a full disk.
      if (this.#db.isTransaction) this.#run('rollback')
      throw error
    }
  }

  #begin(): void {
    // Only after a rollback that failed; nothing of that transaction may get into this one.
    if (this.#db.isTransaction) this.#run('rollback')
    this.#run('begin immediate')
  }

  readonly #answerRead = (statement: Runnable): unknown => {
    if (statement.writes) throw new TypeError('a step that only reads must not write')
    return this.#answer(statement)
  }

  readonly #answer = (statement: Runnable): unknown => {
    try {
      const prepared = this.#prepared(statement.sql)
      const parameters = statement.parameters as (string | number | null | Uint8Array)[]
      return statement.answers === 'rows' ? prepared.all(...parameters) : Number(prepared.run(...parameters).changes)
    } catch (error) {
      throw new StatementFailed(error)
    }
  }

  #run(sql: string): void {
    try {
      this.#prepared(sql).run()
    } catch (error) {
      throw new StatementFailed(error)
    }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const prepared = this.#db.prepare(sql)
    this.#statements.set(sql, prepared)
    return prepared
  }
}

function reasonOf(error: unknown): unknown {
  if (error instanceof StatementFailed) return failureOf(error.cause)
  return error instanceof TornStep ? error.cause : error
}
