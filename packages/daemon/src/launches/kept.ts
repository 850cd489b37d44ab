import { readFileSync, readlinkSync } from 'node:fs'
import type { PrivateFolder } from '../disk/private-folder.ts'

const FILE = 'launches.json'

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

/**
 * The launches kept in a folder; none where they are of another boot or cannot be read. Whoever could write them could make
 * any process a launched one. Throws `permissions_too_wide`.
 */
export function readKept(folder: PrivateFolder, countedIn: string): readonly KeptLaunch[] {
  const text = folder.read(FILE)
  if (text === null) return []
  try {
    const kept = JSON.parse(text) as { counted_in?: unknown; launches?: unknown }
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

/** Throws `file_unwritable`. */
export function writeKept(folder: PrivateFolder, countedIn: string, launches: readonly KeptLaunch[]): void {
  folder.write(FILE, JSON.stringify({ counted_in: countedIn, launches }), { durable: true })
}
