import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { Agent, fetch } from 'undici'
import { LANYARD_FLAGS } from '../../tools/node.mjs'

const MAIN = new URL('../../packages/cli/src/main.ts', import.meta.url).pathname

/** The line that `lanyard up --json` prints once it is ready. */
export interface Ready {
  readonly event: 'ready'
  readonly url: string
  readonly trust_domain: string
  readonly root_sha256: string
  readonly root_file: string
  /** Null where another instance has told it already. */
  readonly admin_key_file: string | null
  /** `unix:///PATH`; absent without `--workload-api`. */
  readonly workload_api?: string
}

/** A real authority in a process of its own. */
export interface LanyardUp {
  readonly ready: Ready
  readonly data: string
  readonly rootPem: string
  readonly adminKey: string
  readonly child: ChildProcess
  /** One call with the admin key, or with another: status and parsed reply. */
  ask(method: string, path: string, body?: unknown, key?: string): Promise<{ status: number; reply: Json }>
  /** The same, throwing on any refusal. */
  call(method: string, path: string, body?: unknown, key?: string): Promise<Json>
  /** Ends the process by a signal and waits for its end; the folder stays. */
  end(signal?: NodeJS.Signals): Promise<void>
  /** Ends it and removes the folder. */
  remove(): Promise<void>
}

// Replies are read by tests, which assert what they find.
// biome-ignore lint/suspicious/noExplicitAny: a reply of any route
export type Json = any

/** How to start it: on an existing folder, with further flags and variables, by another command such as `taskset`. */
export interface UpOptions {
  readonly data?: string
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly prefix?: readonly string[]
  /** The key to call with, where this instance makes none. */
  readonly adminKey?: string
}

/** Starts `lanyard up --json` on any free port and waits until it is ready. */
export async function lanyardUp(options: UpOptions = {}): Promise<LanyardUp> {
  const { data, flags = [], env = {}, prefix = [] } = options
  const folder = data ?? join(mkdtempSync(join(tmpdir(), 'lanyard-up-')), 'data')
  const up = ['up', '--json', '--data', folder, '--listen', '127.0.0.1:0', '--log-level', 'warn', ...flags]
  const [command, ...args] = [...prefix, process.execPath, ...LANYARD_FLAGS, MAIN, ...up]
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const ready = await readyLine(child)
  const rootPem = readFileSync(ready.root_file, 'utf8')
  const adminKey = options.adminKey ?? readFileSync(ready.admin_key_file!, 'utf8').trim()
  const dispatcher = new Agent({ allowH2: false, connect: { ca: rootPem }, connections: 32 })

  const ask: LanyardUp['ask'] = async (method, path, body, key = adminKey) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const init = { method, headers, dispatcher, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    const reply = await fetch(`${ready.url}${path}`, init)
    const text = await reply.text()
    return { status: reply.status, reply: text === '' ? undefined : (JSON.parse(text) as Json) }
  }
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    await dispatcher.destroy()
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    // One that a test has stopped hears of no other signal.
    child.kill('SIGCONT')
    await ended
  }
  return {
    ready,
    data: folder,
    rootPem,
    adminKey,
    child,
    ask,
    async call(method, path, body, key) {
      const { status, reply } = await ask(method, path, body, key)
      if (status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(reply)}`)
      return reply
    },
    end,
    async remove() {
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function readyLine(child: ChildProcess): Promise<Ready> {
  // What it says matters only if it fails to start; unread, a full pipe would stop it.
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', text => (said += text))
  const line = await Promise.race([once(createInterface(child.stdout!), 'line'), once(child, 'exit')])
  if (typeof line[0] !== 'string') throw new Error(`lanyard up ended with ${line[0]} before it was ready:\n${said}`)
  const told = JSON.parse(line[0]) as Ready | { readonly event?: never }
  if (told.event !== 'ready') throw new Error(`lanyard up refuses to start: ${line[0]}`)
  return told
}
