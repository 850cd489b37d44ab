import { LanyardError } from '@lanyard/api'
import pg from 'pg'
import { StatementFailed, TornStep } from '../engine.ts'

/** The session ended, or cannot be trusted any more: what was in its transaction is undone, unless it was committing. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost'

  constructor(cause: unknown) {
    super('the connection to the database was lost', { cause })
  }
}

/** SQLSTATE, or undefined for an error that the database did not send. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** Another transaction was in the way, and may not be the next time: serialization, deadlock, a lock not had in time. */
const IN_THE_WAY = new Set(['40001', '40P01', '55P03'])

export const isInTheWay = (error: unknown): boolean =>
  error instanceof StatementFailed && IN_THE_WAY.has(sqlState(error.cause) ?? '')

/** Classes and codes that mean: not now (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const UNAVAILABLE = /^(08|53|57|58|XX|25006|40001|40P01|55P03)/

export const isUnavailable = (error: StatementFailed): boolean => UNAVAILABLE.test(sqlState(error.cause) ?? '')

/** What a failed query means: a lost session, or a statement that the database refused. */
export function failureOfQuery(error: unknown): SessionLost | StatementFailed {
  if (!(error instanceof pg.DatabaseError)) return new SessionLost(error)
  return isFatal(error) ? new SessionLost(error) : new StatementFailed(error)
}

const isFatal = ({ severity }: pg.DatabaseError) => severity === 'FATAL' || severity === 'PANIC'

/** What a caller of the store gets to see. */
export function reasonOf(error: unknown): unknown {
  if (error instanceof TornStep) return reasonOf(error.cause)
  if (error instanceof SessionLost) return unavailable('the connection to the database was lost', error.cause)
  if (!(error instanceof StatementFailed)) return error
  const state = sqlState(error.cause)
  if (state === undefined) return error.cause
  if (UNAVAILABLE.test(state)) return unavailable(`the database answered with SQLSTATE ${state}`, error.cause)
  return refused(error.cause as pg.DatabaseError)
}

// Without the row that it was about: the database writes whole rows into the detail, and errors come into the log.
function refused({ code, constraint, message }: pg.DatabaseError): Error {
  const at = constraint === undefined ? '' : ` by ${constraint}`
  return new Error(`the database refused a statement with SQLSTATE ${code}${at}: ${message}`)
}

export const unavailable = (detail: string, cause?: unknown): LanyardError =>
  new LanyardError('store_unavailable', detail, {}, { cause: withoutRows(cause) })

function withoutRows(cause: unknown): unknown {
  return cause instanceof pg.DatabaseError ? refused(cause) : cause
}
