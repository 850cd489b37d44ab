import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { LanyardError } from '@lanyard/api'

/** A launch as it is kept over a restart of the daemon: number and start time together are one process of this boot. */
export interface KeptLaunch {
  readonly pid: number
  readonly startTime: string
  readonly uid: number
  readonly gid: number
  readonly entry: string
  /** Unix milliseconds. */
  readonly at: number
}

/** What numbers of processes and start times are counted in: another boot or pid namespace has its own. */
export function countedIn(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
}

/** Launches kept in a file; none where it is of another boot or cannot be read. Throws `permissions_too_wide`. */
export function readKept(file: string, countedIn: string): readonly KeptLaunch[] {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode
  if (mode === undefined) return []
  // Who could write it could make any process a launched one.
  if ((mode & 0o077) !== 0)
    throw new LanyardError('permissions_too_wide', `${file}: expected mode 600, got ${(mode & 0o777).toString(8)}`)
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { counted_in?: unknown; launches?: unknown }
    if (kept.counted_in !== countedIn || !Array.isArray(kept.launches)) return []
    return kept.launches.filter(isKept)
  } catch {
    return []
  }
}

function isKept(value: unknown): value is KeptLaunch {
  const { pid, startTime, uid, gid, entry, at } = (value ?? {}) as Partial<Record<keyof KeptLaunch, unknown>>
  return (
    [pid, uid, gid, at].every(Number.isSafeInteger) &&
    typeof entry === 'string' &&
    typeof startTime === 'string' &&
    /^\d+$/.test(startTime)
  )
}

/** Replaces the file as a whole, 0600. */
export function writeKept(file: string, countedIn: string, launches: readonly KeptLaunch[]): void {
  const beside = `${file}.${randomBytes(6).toString('hex')}`
  const handle = openSync(beside, 'wx', 0o600)
  try {
    writeFileSync(handle, `${JSON.stringify({ counted_in: countedIn, launches })}\n`)
    fsyncSync(handle)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  } finally {
    closeSync(handle)
  }
  renameSync(beside, file)
}
