import type { HeldProcess } from '../ports.ts'
import { statOf } from './proc.ts'

/** The number of the parent of a process; null: the process has ended, or its parent is not in our namespace. */
export function parentOf(process: HeldProcess): number | null {
  const stat = statOf(process.pid)
  return stat && stat.parent > 0 && process.isAlive() ? stat.parent : null
}
