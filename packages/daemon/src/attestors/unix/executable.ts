import type { BigIntStats } from 'node:fs'
import { readlink, stat, statfs } from 'node:fs/promises'
import { LanyardError } from '@lanyard/api'

/** The file that a process executes. */
export interface Executable {
  /** As the daemon itself sees it. */
  readonly path: string
  readonly stat: BigIntStats
  /** Whether the kernel, and not a program of a user, says what the file holds. */
  readonly kernelServed: boolean
}

/** statfs(2). Virtiofs has it as well. */
const FUSE_SUPER_MAGIC = 0x65735546

/** It is not for us to look, or there is nothing: a process of another user without privilege, a kernel thread, a deleted file. */
const NOTHING = new Set(['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work
  } catch (error) {
    if (NOTHING.has((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino
}

/** The text of the link; null: bytes that are no text. */
async function linkOf(pid: number): Promise<string | null> {
  const bytes = await orNull(readlink(`/proc/${pid}/exe`, { encoding: 'buffer' }))
  if (!bytes) return null
  const path = bytes.toString('utf8')
  return path.startsWith('/') && Buffer.from(path).equals(bytes) ? path : null
}

/** The text of the link, and the file that runs: `/proc/PID/exe` leads to it whatever its text says. */
async function running(pid: number): Promise<{ readonly path: string; readonly stat: BigIntStats } | null> {
  const [path, file] = await Promise.all([linkOf(pid), orNull(stat(`/proc/${pid}/exe`, { bigint: true }))])
  return path === null || file === null ? null : { path, stat: file }
}

/**
 * The executable of a process. Null when it cannot be looked at, and when its path leads the daemon to another file or none: in
 * a namespace of mounts of its own a process may have put its own program over `/usr/bin/node`, and a deleted file has no path
 * (`… (deleted)` is the text of its link).
 */
export async function executableOf(pid: number): Promise<Executable | null> {
  const runs = await running(pid)
  if (!runs) return null
  const [seen, system] = await Promise.all([orNull(stat(runs.path, { bigint: true })), orNull(statfs(runs.path))])
  if (!seen || !system || !isSameFile(runs.stat, seen)) return null
  return { ...runs, kernelServed: system.type !== FUSE_SUPER_MAGIC }
}

/** Looks once more, so that path and hash are not of two programs. Throws `attestation_failed`: it executed another meanwhile. */
export async function stillRuns(pid: number, before: Executable): Promise<void> {
  const now = await running(pid)
  if (now?.path === before.path && isSameFile(now.stat, before.stat)) return
  throw new LanyardError('attestation_failed', 'the process executed another program while it was looked at')
}
