import { openSync, readFileSync, readlinkSync, readSync } from 'node:fs'

/** What the kernel says of a process, read in one piece: proc(5). */
export interface ProcessStatus {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

export interface ProcessStat {
  /** `R`, `S`, …; `Z` and `X` are processes that run no more. */
  readonly state: string
  readonly parent: number
  /** Clock ticks since boot. */
  readonly startTime: bigint
}

/** Whether what `/proc` shows are the numbers that we are spoken to in: it may be mounted for another namespace of processes. */
export function procIsOurs(): boolean {
  try {
    return readlinkSync('/proc/self') === String(process.pid)
  } catch {
    return false
  }
}

/**
 * Reads `/proc/PID/stat`; null: there is no such process, or what came has another form. The name of the program stands in
 * parentheses and is whatever the program calls itself, `) Z 1 (` included: fields are counted from the last parenthesis.
 */
export function parseStat(text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, startTime] = [fields[0], fields[1], fields[19]]
  if (!state || !/^[A-Za-z]$/.test(state) || !/^\d+$/.test(parent ?? '') || !/^\d+$/.test(startTime ?? '')) return null
  return { state, parent: Number(parent), startTime: BigInt(startTime!) }
}

/** Reads `/proc/PID/status`: the effective uid and gid, and the supplementary groups. Null as {@link parseStat}. */
export function parseStatus(text: string): ProcessStatus | null {
  const lines = new Map<string, string[]>()
  // The first line of a name counts. The kernel escapes line feeds in the name of the program, which comes first.
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Za-z_]+):\s*(.*)$/.exec(line) ?? []
    if (name !== undefined && !lines.has(name)) lines.set(name, value!.split(/\s+/).filter(Boolean))
  }
  const [uids, gids, groups] = [lines.get('Uid'), lines.get('Gid'), lines.get('Groups')]
  if (uids?.length !== 4 || gids?.length !== 4 || !groups) return null
  const numbers = [uids[1]!, gids[1]!, ...groups]
  if (!numbers.every(number => /^\d{1,10}$/.test(number))) return null
  return { uid: Number(uids[1]), gid: Number(gids[1]), groups: groups.map(Number) }
}

/** Who a process is at this moment. */
export interface ProcessOwner {
  /** As in {@link ProcessStat}. */
  readonly state: string
  /** Effective ones. */
  readonly uid: number
  readonly gid: number
}

/** Reads the beginning of `/proc/PID/status`: what follows may be long. Null as {@link parseStat}. */
export function parseOwner(text: string): ProcessOwner | null {
  const [, state] = /^State:\t([A-Za-z]) .*\n/m.exec(text) ?? []
  const [, uid] = /^Uid:\t\d+\t(\d+)\t\d+\t\d+\n/m.exec(text) ?? []
  const [, gid] = /^Gid:\t\d+\t(\d+)\t\d+\t\d+\n/m.exec(text) ?? []
  if (state === undefined || uid === undefined || gid === undefined) return null
  return { state, uid: Number(uid), gid: Number(gid) }
}

/** Null: there is no such process. Throws what else the kernel says, such as want of descriptors. */
function unlessGone<T>(look: () => T): T | null {
  try {
    return look()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw error
  }
}

/** Throws the error of the system when it cannot be read although the process is there. */
export function statOf(pid: number): ProcessStat | null {
  const text = unlessGone(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return text === null ? null : parseStat(text)
}

/** Throws as {@link statOf}. */
export function statusOf(pid: number): ProcessStatus | null {
  const text = unlessGone(() => readFileSync(`/proc/${pid}/status`, 'utf8'))
  return text === null ? null : parseStatus(text)
}

/**
 * Opens `/proc/PID/status`. The descriptor belongs to the process and not to its number: once the process has ended, it
 * tells nothing of whoever has the number then. Null: there is no such process. Throws as {@link statOf}.
 */
export function openStatus(pid: number): number | null {
  return unlessGone(() => openSync(`/proc/${pid}/status`, 'r'))
}

/** More than the lines up to `Gid` take. */
const beginning = Buffer.alloc(1024)

/** Who the process is that {@link openStatus} opened. Null: it has ended. Throws as {@link statOf}. */
export function ownerIn(status: number): ProcessOwner | null {
  const length = unlessGone(() => readSync(status, beginning, 0, beginning.length, 0))
  return length === null ? null : parseOwner(beginning.toString('latin1', 0, length))
}
