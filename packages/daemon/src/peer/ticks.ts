import { readFileSync } from 'node:fs'

/** In /proc times are hundredths of a second, whatever the kernel counts in (USER_HZ). */
const TICKS_PER_SEC = 100

/** This moment in clock ticks since boot, rounded down: a process that starts from now on has at least this start time. */
export function ticksNow(): bigint {
  const [seconds = ''] = readFileSync('/proc/uptime', 'latin1').split(' ')
  return BigInt(Math.floor(Number(seconds) * TICKS_PER_SEC))
}
