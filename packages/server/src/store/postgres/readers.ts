import type { Step } from '@lanyard/authority'
import { runStepSlowly } from '../engine.ts'
import type { Runnable } from '../statement.ts'
import type { Connector } from './connector.ts'
import { reasonOf, SessionLost } from './failure.ts'
import type { Session } from './session.ts'

/** Sessions that read. A few suffice, since none waits for anyone. */
const READERS = 4

/** A step that asks twice, and so needs a transaction to see one state of the database. */
class AsksAgain extends Error {}

/** Runs steps that only read, each on a session of its own as long as it runs. */
export class Readers {
  readonly #connector: Connector
  readonly #idle: Session[] = []
  readonly #waiting: (() => void)[] = []
  #busy = 0

  constructor(connector: Connector) {
    this.#connector = connector
  }

  async read<T>(step: () => Step<T>): Promise<T> {
    await this.#turn()
    try {
      return await this.#readOnce(step)
    } catch (error) {
      throw reasonOf(error)
    } finally {
      this.#busy--
      this.#waiting.shift()?.()
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    while (this.#busy > 0) await new Promise<void>(resolve => this.#waiting.push(resolve))
    await Promise.all(this.#idle.splice(0).map(session => session.close()))
  }

  async #turn(): Promise<void> {
    while (this.#busy >= READERS) await new Promise<void>(resolve => this.#waiting.push(resolve))
    this.#busy++
  }

  // A session that the database ended while it was idle, as in a restart, is no reason to refuse.
  async #readOnce<T>(step: () => Step<T>): Promise<T> {
    const known = this.#taken()
    if (known) {
      try {
        return await this.#on(known, step)
      } catch (error) {
        if (!(error instanceof SessionLost)) throw error
      }
    }
    return await this.#on(await this.#connector.connect(), step)
  }

  #taken(): Session | undefined {
    for (;;) {
      const session = this.#idle.pop()
      if (!session?.lost) return session
    }
  }

  async #on<T>(session: Session, step: () => Step<T>): Promise<T> {
    try {
      return await readOn(session, step)
    } finally {
      if (!session.lost) this.#idle.push(session)
    }
  }
}

// Most steps ask once, and one statement sees one state by itself. One that asks again begins anew in a transaction.
async function readOn<T>(session: Session, step: () => Step<T>): Promise<T> {
  let asked = false
  try {
    return await runStepSlowly(
      step,
      statement => {
        if (asked) throw new AsksAgain()
        asked = true
        return answerRead(session, statement)
      },
      now,
    )
  } catch (error) {
    if (!(error instanceof AsksAgain)) throw error
  }
  // Sent together with the first statement; a failure shows there too.
  session.run('begin isolation level repeatable read, read only').catch(() => {})
  try {
    return await runStepSlowly(step, statement => answerRead(session, statement), now)
  } finally {
    await session.run('rollback').catch(() => session.destroy())
  }
}

const now = <R>(body: () => R): R => body()

async function answerRead(session: Session, statement: Runnable): Promise<unknown> {
  if (statement.writes) throw new TypeError('a step that only reads must not write')
  return await session.answer(statement)
}
