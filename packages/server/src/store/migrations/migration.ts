import type { Dialect } from '../dialect.ts'

/** One step of the schema. Once released it never changes; what follows is a new one. */
export interface Migration {
  /** Counts from 1 without gaps. */
  readonly id: number
  readonly name: string
  /** The statements, run in one transaction. */
  up(dialect: Dialect): readonly string[]
}
