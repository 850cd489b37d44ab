import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { Misuse } from '../../problem.ts'

/** Whom a program runs as. */
export interface User {
  readonly uid: number
  readonly gid: number
  readonly home: string
  /** Null where the machine has no name for it. */
  readonly name: string | null
}

/** The user of `--user`: a name, a number that the machine knows, or UID:GID. Throws {@link Misuse}. */
export function findUser(written: string): User {
  const pair = /^(\d{1,9}):(\d{1,9})$/.exec(written)
  const row = rowOf(pair?.[1] ?? written)
  if (pair) return { home: row?.home ?? '/', name: row?.name ?? null, uid: Number(pair[1]), gid: Number(pair[2]) }
  if (row) return row
  throw new Misuse(`--user: this machine knows no user ${JSON.stringify(written)}; a number needs its group: UID:GID`)
}

/** Who runs this. */
export const thisUser = (home: string): User => ({
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  home,
  name: null,
})

function rowOf(user: string): User | null {
  const byNumber = /^\d+$/.test(user)
  const local = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = local.find(row => row.split(':')[byNumber ? 2 : 0] === user) ?? remoteRow(user)
  const [name, , uid, gid, , home] = line?.split(':') ?? []
  if (!name || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return null
  return { name, uid: Number(uid), gid: Number(gid), home: home || '/' }
}

/** Users of a directory service are in no file. */
function remoteRow(user: string): string | undefined {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore']
    return execFileSync('/usr/bin/getent', ['passwd', user], { encoding: 'utf8', stdio, timeout: 5000 }).trim()
  } catch {
    return undefined
  }
}
