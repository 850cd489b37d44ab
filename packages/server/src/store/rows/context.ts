import type { Places } from '../chains.ts'
import type { Statements } from '../statement.ts'

/** What every table's rows are made from. */
export interface RowContext {
  readonly statements: Statements
  readonly heads: Places
  /** The short number of the trust domain. */
  readonly trustDomain: number
}
