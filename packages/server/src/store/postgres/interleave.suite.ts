import { setTimeout as sleep } from 'node:timers/promises'
import type { Locks, Step, Store } from '@lanyard/authority'
import type { ChainHeads } from '../chains.ts'
import type { StoreRows } from '../ports.ts'
import type { Runnable } from '../statement.ts'
import { gather, lockSql } from './locks.ts'
import type { Session } from './session.ts'

/** A transaction that runs one statement when it is told to. */
class Transaction {
  readonly #session: Session
  readonly #step: Iterator<unknown, unknown, unknown>
  readonly #heads: ChainHeads
  readonly #first: string[]
  readonly #settled = Promise.withResolvers<unknown>()
  #answer: unknown
  pending: Promise<void> | null = null
  done = false

  constructor(session: Session, heads: ChainHeads, step: Step<unknown>, first: readonly string[]) {
    this.#session = session
    this.#heads = heads
    this.#step = step
    this.#first = [...first]
    this.#settled.promise.catch(() => {})
  }

  get outcome(): Promise<unknown> {
    return this.#settled.promise
  }

  get pid(): number {
    return this.#session.pid
  }

  /** Sends the next statement; `pending` until it is answered. */
  advance(): Promise<void> {
    const pending = this.#run().finally(() => {
      this.pending = null
    })
    this.pending = pending
    return pending
  }

  async #run(): Promise<void> {
    const standing = this.#heads.standing
    try {
      const next = this.#first.shift()
      if (next !== undefined) return void (await this.#session.run(next))
      const turn = this.#step.next(this.#answer)
      if (turn.done) {
        await this.#session.commit()
        this.done = true
        this.#settled.resolve(turn.value)
      } else this.#answer = await this.#session.answer(turn.value as Runnable)
    } catch (error) {
      this.done = true
      this.#heads.putBack(standing)
      await this.#session.run('rollback').catch(() => {})
      this.#settled.reject(error)
    }
  }
}

/** One of two instances: a connection and chains of its own, and a store that lets nothing run by itself. */
export class Player {
  readonly rows: StoreRows
  readonly session: Session
  readonly #heads: ChainHeads
  readonly #trustDomain: string
  /** A fault to plant: without locks. */
  readonly #locking: boolean
  readonly #finely: boolean
  transaction: Transaction | null = null

  constructor(parts: {
    session: Session
    rows: StoreRows
    heads: ChainHeads
    trustDomain: string
    locking: boolean
    /** Stops between the locks too, which are otherwise taken with the beginning, as they are sent. */
    finely: boolean
  }) {
    this.session = parts.session
    this.rows = parts.rows
    this.#heads = parts.heads
    this.#trustDomain = parts.trustDomain
    this.#locking = parts.locking
    this.#finely = parts.finely
  }

  /** The first write waits for the scheduler; all else (reads, the event of a refusal) runs on `base`. */
  storeOn(base: Store): Store {
    const write = <T>(step: () => Step<T>, locks: Locks): Promise<T> => {
      if (this.transaction !== null) return base.write(step, locks)
      const first = ['begin', ...(this.#locking ? lockSql(gather([locks]), this.#trustDomain) : [])]
      const sent = this.#finely ? first : [first.join(';')]
      this.transaction = new Transaction(this.session, this.#heads, step(), sent)
      return this.transaction.outcome as Promise<T>
    }
    return { read: step => base.read(step), write, urgent: write }
  }
}

/** Which player was chosen, and which may still be at this point. */
interface Choice {
  readonly chosen: number
  readonly untried: readonly number[]
}

export interface Exploration {
  /** Two transactions that are ready to begin, on a world of their own. */
  begin(): Promise<readonly Player[]>
  /** Throws when what is in the database now must never be. */
  check(players: readonly Player[], schedule: string): Promise<void>
  /** How often a player that could go on is interrupted, at most; every interleaving when left out. */
  readonly interruptions?: number
}

/**
 * Tries the interleavings of two transactions, statement by statement: depth first, each time another way at the last
 * point that had one. Gives how many there were.
 */
export async function explore({ begin, check, interruptions = 1000 }: Exploration, probe: Session): Promise<number> {
  let choices: Choice[] = []
  for (let tried = 1; ; tried++) {
    const players = await begin()
    choices = await play(players, choices, interruptions, probe)
    await check(players, choices.map(({ chosen }) => 'AB'[chosen]).join(''))
    const last = choices.findLastIndex(({ untried }) => untried.length > 0)
    if (last === -1) return tried
    const [chosen, ...untried] = choices[last]!.untried
    choices = [...choices.slice(0, last), { chosen: chosen!, untried }]
  }
}

/** Plays to the end: first as `given`, then by letting who is on go on. */
async function play(
  players: readonly Player[],
  given: readonly Choice[],
  interruptions: number,
  probe: Session,
): Promise<Choice[]> {
  const choices: Choice[] = []
  let left = interruptions
  let last = -1
  for (;;) {
    const ready = players.flatMap(({ transaction }, index) => (isReady(transaction!) ? [index] : []))
    if (ready.length === 0) return choices
    const goesOn = ready.includes(last)
    const choice = given[choices.length] ?? newChoice(goesOn ? last : ready[0]!, goesOn && left === 0 ? [] : ready)
    if (!ready.includes(choice.chosen)) throw new Error('the same beginning led elsewhere')
    choices.push(choice)
    if (goesOn && choice.chosen !== last) left--
    last = choice.chosen
    players[last]!.transaction!.advance()
    const { transaction } = players[last]!
    await answeredOrWaiting(transaction!, probe)
    // Locks end with their transaction, and not before; then nobody else is left to wait for.
    if (transaction!.done) await Promise.all(players.map(player => player.transaction!.pending))
  }
}

const newChoice = (chosen: number, ready: readonly number[]): Choice => ({
  chosen,
  untried: ready.filter(index => index !== chosen),
})

const isReady = ({ done, pending }: Transaction) => !done && pending === null

/** Until the statement under way, if any, is answered, or the database says that it waits for a lock. */
async function answeredOrWaiting(transaction: Transaction, probe: Session): Promise<void> {
  while (transaction.pending !== null) {
    const answered = await Promise.race([transaction.pending.then(() => true), sleep(2, false)])
    if (answered) return
    const [row] = await probe.run(`select wait_event_type from pg_stat_activity where pid = ${transaction.pid}`)
    if (row?.wait_event_type === 'Lock') return
  }
}
