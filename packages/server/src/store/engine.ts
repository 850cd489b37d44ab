import type { Step, Store } from '@lanyard/authority'
import type { Runnable } from './statement.ts'

/** A store with an end. */
export interface Engine extends Store {
  /** Runs what is queued, then lets go of the database. Later calls are refused with `store_unavailable`. */
  close(): Promise<void>
}

/** A step that threw after it had written: its transaction must be undone, whatever else was in it. */
export class TornStep extends Error {
  override readonly name = 'TornStep'

  constructor(cause: unknown) {
    super('a step threw after it had written', { cause })
  }
}

/** An error of the database, as against one that a step decided on. */
export class StatementFailed extends Error {
  override readonly name = 'StatementFailed'

  constructor(cause: unknown) {
    super('a statement failed', { cause })
  }
}

/**
 * Runs a step to its end in one go. Throws what the step threw if it had not written, `TornStep` if it had, and
 * `StatementFailed` for an error of the database, which the step never gets to see: it could not know what is left of
 * the transaction.
 */
export function runStep<T>(step: () => Step<T>, answer: (statement: Runnable) => unknown): T {
  let wrote = false
  try {
    const running = step()
    let turn = running.next()
    while (!turn.done) {
      const statement = turn.value as Runnable
      wrote ||= statement.writes
      turn = running.next(answer(statement))
    }
    return turn.value
  } catch (error) {
    if (wrote && !(error instanceof StatementFailed)) throw new TornStep(error)
    throw error
  }
}

/** What a step gave, or refused. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** A step that waits for its turn. */
export interface Job {
  readonly step: () => Step<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

export function settle(job: Job, outcome: Outcome): void {
  if ('error' in outcome) job.reject(outcome.error)
  else job.resolve(outcome.value)
}

/** The same where answers take time; `turn` runs what lies between two of them. */
export async function runStepSlowly<T>(
  step: () => Step<T>,
  answer: (statement: Runnable) => Promise<unknown>,
  turn: <R>(body: () => R) => R,
): Promise<T> {
  let wrote = false
  try {
    const running = turn(step)
    let result = turn(() => running.next())
    while (!result.done) {
      const statement = result.value as Runnable
      wrote ||= statement.writes
      const answered = await answer(statement)
      result = turn(() => running.next(answered))
    }
    return result.value
  } catch (error) {
    if (wrote && !(error instanceof StatementFailed)) throw new TornStep(error)
    throw error
  }
}
