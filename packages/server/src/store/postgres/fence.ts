import { setTimeout as sleep } from 'node:timers/promises'
import { LanyardError } from '@lanyard/api'
import { lockKey } from './locks.ts'
import type { Session } from './session.ts'

/** How long the session of a process that has just ended may take to end too, in milliseconds. */
const PATIENCE_MS = 2000

/**
 * Makes a session the only one that writes for this writer, until it ends. Its predecessor, if it still lives on a broken
 * connection, is ended, so that nothing of it can be committed from here on. Throws `data_in_use` for the session of
 * another process.
 */
export async function fence(session: Session, writer: string, predecessor: number | null): Promise<void> {
  const key = lockKey('writer', writer)
  const end = predecessor === null ? null : endHolder(key, predecessor)
  if (await hold(session, key, PATIENCE_MS, end)) return
  throw new LanyardError('data_in_use', `another process writes to this database as ${writer}`)
}

/** Takes a lock that lasts as long as the session, trying for so long; false: another session has it. */
export async function hold(
  session: Session,
  key: bigint,
  patienceMs: number,
  meanwhile: string | null = null,
): Promise<boolean> {
  for (const until = performance.now() + patienceMs; ; await sleep(20)) {
    const [row] = await session.run(`select pg_try_advisory_lock(${key}) as had`)
    if (row!.had === true) return true
    if (performance.now() > until) return false
    if (meanwhile !== null) await session.run(meanwhile)
  }
}

// Numbers of processes come again: only who holds the lock is ended. The key stands in two halves there.
const endHolder = (key: bigint, pid: number): string => {
  const bits = BigInt.asUintN(64, key)
  return `select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and granted and pid = ${pid} and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and classid = ${bits >> 32n} and objid = ${bits & 0xffffffffn}`
}
