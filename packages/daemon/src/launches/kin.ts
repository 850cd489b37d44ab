import { readFileSync, readlinkSync } from 'node:fs'

/** What a launch is judged by: who started the process, and when, as the kernel tells. */
export interface Kin {
  readonly parent: number
  /** Clock ticks since boot. */
  readonly startTime: bigint
}

/** Parent and start of a process; null where there is none of this number. */
export function kinOf(pid: number): Kin | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return null
  }
}

/** From /proc/PID/stat. Throws where it is none. */
export function parseStat(stat: string): Kin {
  // proc_pid_stat(5): field 2 is a name that the process chose, which may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const parent = Number(fields[1])
  if (!Number.isSafeInteger(parent)) throw new Error('expected a parent in /proc/PID/stat')
  return { parent, startTime: BigInt(fields[19]!) }
}

/** In /proc/PID/stat times are hundredths of a second, whatever the kernel counts in (USER_HZ). */
const TICKS_PER_SEC = 100

/** This moment in clock ticks since boot, rounded down: a process that starts from now on has at least this start time. */
export function ticksNow(): bigint {
  const [seconds = ''] = readFileSync('/proc/uptime', 'latin1').split(' ')
  return BigInt(Math.floor(Number(seconds) * TICKS_PER_SEC))
}

/** What numbers of processes and start times are counted in: another boot or pid namespace has its own. */
export function countedIn(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
}
