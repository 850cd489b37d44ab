import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whoever may make namespaces, users and groups. */
export const IS_ROOT = process.getuid?.() === 0
/** For `{ skip }` of a test that needs it. */
export const UNLESS_ROOT = IS_ROOT ? false : 'needs root'

/** A Unix socket that hands over its connections one by one. */
export interface Listener extends AsyncDisposable {
  readonly folder: string
  readonly path: string
  /** The next connection. */
  next(): Promise<Socket>
}

export async function listen(): Promise<Listener> {
  const folder = mkdtempSync(join(tmpdir(), 'peer-'))
  const path = join(folder, 's')
  const [waiting, come]: [((socket: Socket) => void)[], Socket[]] = [[], []]
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket.on('close', () => open.delete(socket)).on('error', () => {}))
    const taker = waiting.shift()
    if (taker) taker(socket)
    else come.push(socket)
  })
  await once(server.listen(path), 'listening')
  return {
    folder,
    path,
    next: () => new Promise(resolve => (come.length > 0 ? resolve(come.shift()!) : waiting.push(resolve))),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A process of the test, killed with all that it started when the test leaves its block. */
export interface Child extends Disposable {
  readonly child: ChildProcess
  readonly pid: number
  readonly exited: Promise<unknown>
  /** The next line that it writes. */
  line(): Promise<string>
  say(line: string): void
}

export function start(program: string, args: readonly string[], options: SpawnOptions = {}): Child {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true, ...options })
  let text = ''
  let wake = () => {}
  child.stdout!.setEncoding('utf8').on('data', chunk => {
    text += chunk
    wake()
  })
  const ended = once(child, 'exit')
  child.stdin!.on('error', () => {})
  return {
    child,
    pid: child.pid!,
    exited: ended,
    async line() {
      while (!text.includes('\n')) {
        const more = new Promise<void>(resolve => {
          wake = resolve
        })
        if (child.exitCode !== null) throw new Error(`expected a line, but ${program} ended with ${child.exitCode}`)
        await Promise.race([more, ended])
      }
      const line = text.slice(0, text.indexOf('\n'))
      text = text.slice(line.length + 1)
      return line
    },
    say: line => child.stdin!.write(`${line}\n`),
    [Symbol.dispose]() {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {}
    },
  }
}

/** A Node.js process that runs `code`; `connect` is `node:net`'s, `lines` calls back for each line of its input. */
export function startNode(code: string, args: readonly string[] = [], options: SpawnOptions = {}): Child {
  const prelude = `
    const { connect } = require('node:net')
    const lines = then => require('node:readline').createInterface({ input: process.stdin }).on('line', then)
    const args = process.argv.slice(1)
  `
  return start(process.execPath, ['-e', prelude + code, '--', ...args], options)
}

/** A process that connects and waits for as long as its starter lives. */
export const CONNECTS = `connect(args[0]).on('error', () => {}); process.stdin.resume().on('end', () => process.exit(0))`

/** How many descriptors this process has open. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}
