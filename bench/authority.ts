import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Json, type LanyardUp, lanyardUp } from '../test/support/lanyard-up.ts'
import { canPin, usageOf } from './pinned.ts'

/** A real `lanyard up` in a process and on a processor of its own. */
export interface BenchAuthority {
  readonly url: string
  readonly rootPem: string
  /** One management call; throws on any refusal. */
  call(method: string, path: string, body?: unknown): Promise<Json>
  usage(): ReturnType<typeof usageOf>
  /** Stops it; gives the bytes of its database per recorded certificate, and how many there are. */
  stop(): Promise<{ certificates: number; bytesPerCertificate: number }>
}

// The bench asks how fast, not how fair.
const UNLIMITED = ['--limits-rate-per-minute', '0', '--limits-handshakes-per-sec', '1000000']

/** Starts an authority on a temporary folder. */
export async function startAuthority(flags: readonly string[] = []): Promise<BenchAuthority> {
  const up = await lanyardUp({ flags: [...UNLIMITED, ...flags], prefix: canPin ? ['taskset', '-c', '0'] : [] })
  return {
    url: up.ready.url,
    rootPem: up.rootPem,
    call: up.call,
    usage: () => usageOf(up.child.pid!),
    stop: () => stop(up),
  }
}

async function stop(up: LanyardUp): Promise<{ certificates: number; bytesPerCertificate: number }> {
  await up.end()
  const size = sizeOf(join(up.data, 'lanyard.db'))
  await up.remove()
  return size
}

function sizeOf(file: string): { certificates: number; bytesPerCertificate: number } {
  const database = new DatabaseSync(file)
  const number = (sql: string) => Number(Object.values(database.prepare(sql).get() as Record<string, number>)[0])
  const certificates = number('SELECT count(*) FROM certificates')
  const bytes = number("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name LIKE '%certificates%'")
  database.close()
  return { certificates, bytesPerCertificate: bytes / certificates }
}
