import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { Agent, fetch } from 'undici'
import { startOn, usageOf } from './pinned.ts'

/** A real `lanyard up` in a process and on a processor of its own. */
export interface BenchAuthority {
  readonly url: string
  readonly rootPem: string
  /** One management call; throws on any refusal. */
  call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>
  usage(): ReturnType<typeof usageOf>
  /** Stops it; gives the bytes of its database per recorded certificate, and how many there are. */
  stop(): Promise<{ certificates: number; bytesPerCertificate: number }>
}

const MAIN = new URL('../packages/cli/src/main.ts', import.meta.url).pathname

/** Starts an authority on a temporary folder. Rate limits are off: the bench asks how fast, not how fair. */
export async function startAuthority(flags: readonly string[] = []): Promise<BenchAuthority> {
  const data = mkdtempSync(join(tmpdir(), 'lanyard-bench-'))
  const args = ['up', '--json', '--data', data, '--listen', '127.0.0.1:0', '--log-level', 'warn']
  const limits = [
    '--limits-rate-per-minute',
    '0',
    '--limits-handshakes-per-sec',
    '1000000',
    '--limits-connections',
    '200000',
  ]
  const child = startOn(0, MAIN, [...args, ...limits, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  const ready = JSON.parse(line) as { url: string; root_file: string; admin_key_file: string }
  const rootPem = readFileSync(ready.root_file, 'utf8')
  const adminKey = readFileSync(ready.admin_key_file, 'utf8').trim()
  const dispatcher = new Agent({ connect: { ca: rootPem }, connections: 32 })

  async function call(method: string, path: string, body?: unknown) {
    const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
    const init = { method, headers, dispatcher, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    const reply = await fetch(`${ready.url}${path}`, init)
    const text = await reply.text()
    if (!reply.ok) throw new Error(`${method} ${path}: ${text}`)
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  }

  async function stop() {
    await dispatcher.close()
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
    const size = sizeOf(data)
    rmSync(data, { recursive: true })
    return size
  }
  return { url: ready.url, rootPem, call, usage: () => usageOf(child.pid!), stop }
}

function sizeOf(data: string): { certificates: number; bytesPerCertificate: number } {
  const database = new DatabaseSync(join(data, 'lanyard.db'))
  const number = (sql: string) => Number(Object.values(database.prepare(sql).get() as Record<string, number>)[0])
  const certificates = number('SELECT count(*) FROM certificates')
  const bytes = number("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name LIKE '%certificates%'")
  database.close()
  return { certificates, bytesPerCertificate: bytes / certificates }
}
