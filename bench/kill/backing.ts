import type { ServerConfigInput } from '@lanyard/server'
import type { Case } from './case.ts'

/** What instances share: a database, perhaps Redis, perhaps a balancer before them. */
export interface Backing {
  readonly method: string
  /** Of the balancer; 0 without one. */
  readonly port: number
  /** The settings by which the instance `at` finds it all. */
  configOf(at: number): ServerConfigInput
  /** New connections go to the first of these ports that takes them. */
  lead(ports: readonly number[]): Promise<void>
  /** Ends the process at the commit of the next kill of the instance `at`; back with that moment. */
  strike(at: number, pid: number): Promise<number>
  close(): Promise<void>
}

export async function openBacking({ letter }: Case): Promise<Backing> {
  throw new Error(`(${letter}) needs PostgreSQL`)
}
