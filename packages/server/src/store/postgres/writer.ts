import { setTimeout as sleep } from 'node:timers/promises'
import { LanyardError } from '@lanyard/api'
import type { Locks, Step } from '@lanyard/authority'
import type { ChainHeads, HeadsInTurn, Standing } from '../chains.ts'
import { type Job, type Outcome, runStepSlowly, StatementFailed, settle, TornStep } from '../engine.ts'
import type { Connector } from './connector.ts'
import { isInTheWay, isUnavailable, reasonOf, SessionLost, unavailable } from './failure.ts'
import { fence } from './fence.ts'
import { gather, lockSql } from './locks.ts'
import type { Session } from './session.ts'

/** Steps in one transaction at most, and how long it may take in more before it commits: others wait for its locks. */
const GROUP_MAX = 64
const GROUP_MS = 10

/** How often a transaction is tried that another one was in the way of. */
const TRIES = 4

/** How long the outcome of a commit without an answer is asked for, in milliseconds. */
const ASK_MS = 5000

interface LockedJob extends Job {
  readonly locks: Locks
}

export interface WriterParts {
  readonly connector: Connector
  readonly trustDomain: string
  readonly heads: ChainHeads
  readonly turn: HeadsInTurn
  /** Reads where the chains stand, as committed. */
  readonly standing: (session: Session) => Promise<Standing>
}

/** Whether what was sent to be committed was. */
type Fate = 'committed' | 'undone' | 'unknown'

/** A commit that the database did not answer. */
class CommitLost extends Error {
  override readonly name = 'CommitLost'
  readonly outcomes: readonly Outcome[]
  /** Where the chains stand if it was undone, and if it was committed. */
  readonly before: Standing
  readonly after: Standing

  constructor(outcomes: readonly Outcome[], before: Standing, after: Standing, cause: unknown) {
    super('the commit was not answered', { cause })
    this.outcomes = outcomes
    this.before = before
    this.after = after
  }
}

/**
 * One session that writes: groups of steps, each group a transaction, one after the other. It alone appends to its
 * chains, so that their heads are known without asking; after a lost session they are read again.
 */
export class Writer {
  readonly #parts: WriterParts
  readonly #queue: LockedJob[] = []
  #session: Session | null = null
  #pid: number | null = null
  #running: Promise<void> | null = null

  constructor(parts: WriterParts, session: Session) {
    this.#parts = parts
    this.#session = session
    this.#pid = session.pid
  }

  add<T>(step: () => Step<T>, locks: Locks): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#queue.push({ step, locks, resolve: resolve as Job['resolve'], reject })
    this.#running ??= this.#run()
    return promise
  }

  /** Runs what is queued, then ends the session. */
  async close(): Promise<void> {
    await this.#running
    await this.#session?.close()
  }

  async #run(): Promise<void> {
    // Whatever else is asked for in this turn shares the first transaction.
    await null
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, GROUP_MAX)
      const outcomes = await this.#outcomes(group)
      // Those that there was no time for come first the next time.
      this.#queue.unshift(...group.slice(outcomes.length))
      for (const [index, outcome] of outcomes.entries()) settle(group[index]!, outcome)
    }
    this.#running = null
  }

  /** Of the first jobs of a group, at least of one. Never throws. */
  async #outcomes(group: readonly LockedJob[]): Promise<readonly Outcome[]> {
    try {
      return await this.#persist(group)
    } catch (error) {
      if (group.length === 1 || !isItsOwnFault(error)) return group.map(() => ({ error: reasonOf(error) }))
    }
    // Something in the group broke the transaction and nothing of it is stored: each is tried alone.
    const outcomes: Outcome[] = []
    for (const job of group) outcomes.push(...(await this.#outcomes([job])))
    return outcomes
  }

  async #persist(group: readonly LockedJob[]): Promise<readonly Outcome[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#transaction(await this.#connected(), group)
      } catch (error) {
        if (error instanceof CommitLost) {
          const fate = await this.#fateOf(error)
          if (fate === 'committed') return error.outcomes
          if (fate === 'unknown')
            throw unavailable('the connection was lost: it may have been stored, or not', error.cause)
        } else if (!isInTheWay(error) && !(error instanceof SessionLost)) throw error
        if (tries === TRIES) throw error
        await sleep(Math.random() * 10 * tries)
      }
    }
  }

  async #transaction(session: Session, group: readonly LockedJob[]): Promise<readonly Outcome[]> {
    const { heads, trustDomain } = this.#parts
    const before = heads.standing
    const begin = ['begin', ...lockSql(gather(group.map(({ locks }) => locks)), trustDomain)].join(';')
    // Not waited for: the first statement follows at once, and fails with the locks if they were not had.
    const locked = session.run(begin).then(
      () => null,
      (error: unknown) => ({ error }),
    )
    try {
      const outcomes = await this.#runAll(session, group)
      const refused = await locked
      if (refused) throw refused.error
      await this.#commit(session, outcomes, before)
      return outcomes
    } catch (error) {
      if (error instanceof CommitLost) throw error
      heads.putBack(before)
      await session.run('rollback').catch(() => session.destroy())
      throw (await locked)?.error ?? error
    }
  }

  async #runAll(session: Session, group: readonly LockedJob[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    const until = performance.now() + GROUP_MS
    for (const job of group) {
      outcomes.push(await this.#outcome(session, job))
      if (performance.now() > until) break
    }
    return outcomes
  }

  // A step that refuses before it writes is an outcome like any other; all else undoes the transaction.
  async #outcome(session: Session, { step }: Job): Promise<Outcome> {
    const { heads, turn } = this.#parts
    const standing = heads.standing
    try {
      const answer = (statement: Parameters<Session['answer']>[0]) => session.answer(statement)
      return { value: await runStepSlowly(step, answer, body => turn.during(heads, body)) }
    } catch (error) {
      if (error instanceof TornStep || error instanceof StatementFailed || error instanceof SessionLost) throw error
      heads.putBack(standing)
      return { error }
    }
  }

  async #commit(session: Session, outcomes: readonly Outcome[], before: Standing): Promise<void> {
    try {
      await session.commit()
    } catch (error) {
      if (!(error instanceof SessionLost)) throw error
      throw new CommitLost(outcomes, before, this.#parts.heads.standing, error.cause)
    }
  }

  /**
   * What became of a commit without an answer, by the chains: their newest rows are known by hash. A transaction that
   * added to none cannot be told from one that was undone.
   */
  async #fateOf({ before, after }: CommitLost): Promise<Fate> {
    if (isSame(before, after) || !(await this.#reconnected())) return 'unknown'
    const now = this.#parts.heads.standing
    if (isSame(now, after)) return 'committed'
    return isSame(now, before) ? 'undone' : 'unknown'
  }

  async #reconnected(): Promise<boolean> {
    for (const until = performance.now() + ASK_MS; performance.now() < until; await sleep(50)) {
      try {
        await this.#connected()
        return true
      } catch {
        // Not yet.
      }
    }
    return false
  }

  async #connected(): Promise<Session> {
    if (this.#session && !this.#session.lost) return this.#session
    this.#session = null
    const session = await this.#parts.connector.connect()
    try {
      await fence(session, this.#parts.heads.instance, this.#pid)
      this.#parts.heads.putBack(await this.#parts.standing(session))
    } catch (error) {
      await session.close()
      throw error instanceof LanyardError ? unavailable('another process writes for this instance', error) : error
    }
    this.#pid = session.pid
    this.#session = session
    return session
  }
}

const isSame = (a: Standing, b: Standing) => a.audit.hash === b.audit.hash && a.issuance.hash === b.issuance.hash

/** Whether a step broke the group, rather than the state of the database. */
const isItsOwnFault = (error: unknown) =>
  error instanceof TornStep || (error instanceof StatementFailed && !isUnavailable(error))
