// A program that does what it is told by lines of JSON on standard input, each answered by one line: the agent of a theft
// story, and whoever tries to steal from it.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { createHash, createPrivateKey } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import process from 'node:process'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { ask, type Got } from './ask.ts'

/** What a puppet does. `to` names one of its children, which is to do it instead. */
export type Order = { readonly to?: readonly string[] } & (
  | { readonly do: 'hello' }
  | { readonly do: 'ask'; readonly with?: string; readonly fd?: number; readonly secrets?: true }
  | { readonly do: 'connect'; readonly as: string }
  /** Lets a connection outlive an exec; gives its descriptor. */
  | { readonly do: 'keep'; readonly what: string }
  /** Passes a connection on: to a child, or to the parent. */
  | { readonly do: 'give'; readonly what: string; readonly to_child: string | null }
  | { readonly do: 'take'; readonly as: string }
  | {
      readonly do: 'spawn'
      readonly as: string
      /** In place of this program; it must end up as a puppet. */
      readonly command?: readonly string[]
      readonly env?: Readonly<Record<string, string>>
      /** A connection of ours that becomes its descriptor 3. */
      readonly inherits?: string
      readonly channel?: true
      /** It takes orders from descriptor 4: Node closes the standard input of a child that ends, though others may read it. */
      readonly leaves?: true
    }
  | { readonly do: 'run'; readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> }
  | { readonly do: 'exec'; readonly command: readonly string[] }
  | { readonly do: 'signal'; readonly pid: number; readonly signal: NodeJS.Signals }
  | { readonly do: 'search'; readonly pid: number; readonly secrets?: readonly string[] }
  | { readonly do: 'call'; readonly code: string }
  /** Takes orders at an abstract socket, too, so that it does not depend on its parent. */
  | { readonly do: 'serve'; readonly name: string }
)

const endpoint = () => process.env.SPIFFE_ENDPOINT_SOCKET!.replace(/^unix:\/\//, '')
const connections = new Map<string, Socket>()
const children = new Map<string, { child: ChildProcess; input: Writable; replies: AsyncIterator<string> }>()
let serving = false
const handed: Socket[] = []
const arrivals = new EventEmitter()
const arrived = (_: unknown, socket: unknown) => {
  handed.push(socket as Socket)
  arrivals.emit('one')
}
process.on('message', arrived)

async function obey(order: Order): Promise<unknown> {
  const [child, ...further] = order.to ?? []
  if (child !== undefined) return forward(child, { ...order, to: further })
  switch (order.do) {
    case 'hello':
      return {
        pid: process.pid,
        uid: process.getuid!(),
        exe: process.execPath,
        env: process.env,
        args: process.execArgv,
      }
    case 'ask':
      return askOver(order)
    case 'connect':
      // Paused: what the server says first is for whoever asks over it in the end.
      connections.set(order.as, await open(socket => socket.pause()))
      return {}
    case 'keep':
      return keep(connections.get(order.what)!)
    case 'give':
      give(order.to_child, connections.get(order.what)!)
      return {}
    case 'take':
      while (handed.length === 0) await once(arrivals, 'one')
      connections.set(order.as, handed.shift()!)
      return {}
    case 'spawn':
      return spawnPuppet(order)
    case 'run':
      return runToEnd(order.command, order.env)
    case 'exec':
      // Once this is answered: the next order is for the program that takes its place.
      setImmediate(() => process.execve!(order.command[0]!, [...order.command], process.env))
      return {}
    case 'signal':
      process.kill(order.pid, order.signal)
      return {}
    case 'search':
      return search(
        order.pid,
        order.secrets?.map(secret => Buffer.from(secret, 'hex')),
      )
    case 'call':
      return new Function('require', 'load', `return (async () => { ${order.code} })()`)(require, load)
    case 'serve':
      serving = true
      await listen(order.name)
      return {}
  }
}

/** What is made of text has no import of its own. */
const load = (name: string) => import(name)
const { createRequire } = await import('node:module')
const require = createRequire(import.meta.url)

function give(child: string | null, socket: Socket): void {
  const message = ['socket', socket] as const
  if (child === null) process.send!(...message)
  else children.get(child)!.child.send(...message)
}

/** Takes FD_CLOEXEC off, which Node sets on every descriptor: F_SETFD is 2. */
function keep(socket: Socket): number {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  const fcntl = require('koffi').load('libc.so.6').func('int fcntl(int, int, int)')
  if (fcntl(fd, 2, 0) !== 0) throw new Error('fcntl refused')
  return fd
}

async function open(prepare = (_: Socket) => {}): Promise<Socket> {
  const socket = connect(endpoint())
  prepare(socket)
  await once(socket, 'connect')
  return socket
}

async function askOver(order: Extract<Order, { do: 'ask' }>): Promise<Got> {
  try {
    const { with: name, fd, secrets } = order
    const own = name !== undefined ? connections.get(name)! : fd !== undefined ? new Socket({ fd }) : await open()
    return await ask(own, secrets)
  } catch (error) {
    return { ids: [], keys: [], code: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
}

async function spawnPuppet({ as, command, env, inherits, channel, leaves }: Extract<Order, { do: 'spawn' }>) {
  const [file = process.execPath, ...args] = command ?? [process.execPath, import.meta.filename]
  const third = inherits === undefined ? (channel ? 'ipc' : 'ignore') : connections.get(inherits)!
  const stdio: StdioOptions = ['pipe', 'pipe', 'inherit', third, ...(leaves ? (['pipe'] as const) : [])]
  const child = spawn(file, args, { stdio, env: { ...process.env, ...env } })
  await once(child, 'spawn')
  if (channel) child.on('message', arrived)
  const lines: Interface = createInterface(child.stdout!)
  children.set(as, { child, input: child.stdio[leaves ? 4 : 0] as Writable, replies: lines[Symbol.asyncIterator]() })
  return forward(as, { do: 'hello' })
}

async function forward(name: string, order: Order): Promise<unknown> {
  const { input, replies } = children.get(name)!
  input.write(`${JSON.stringify(order)}\n`)
  const { value, done } = await replies.next()
  return done ? { error: 'ended' } : JSON.parse(value)
}

async function runToEnd(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', chunk => (text.out += chunk))
  child.stderr.setEncoding('utf8').on('data', chunk => (text.err += chunk))
  const [exit] = await once(child, 'close').catch(error => [error.code])
  return { exit, ...text }
}

/** A private key on P-256 as OpenSSL writes it in PKCS#8: the beginning of all of them, and their length. */
const KEY = Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex')
const KEY_BYTES = 138

/** Looks into the memory of another process: for these secrets, or for private keys, of which it gives the SHA-256. */
function search(pid: number, secrets?: readonly Buffer[]): { keys: string[]; code: string | null } {
  const keys = new Set<string>()
  try {
    const memory = openSync(`/proc/${pid}/mem`, 'r')
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      if (!from || !to) continue
      for (const piece of piecesOf(memory, Number(`0x${from}`), Number(`0x${to}`)))
        for (const key of secrets ? secretsIn(piece, secrets) : keysIn(piece)) keys.add(key)
    }
    closeSync(memory)
    return { keys: [...keys], code: null }
  } catch (error) {
    return { keys: [], code: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
}

const PIECE = 1 << 20

/** What begins like a key need not be one: the beginning itself lies in the memory of each puppet. */
function isKey(der: Buffer): boolean {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).asymmetricKeyType === 'ec'
  } catch {
    return false
  }
}

function* piecesOf(memory: number, from: number, to: number): Generator<Buffer> {
  const piece = Buffer.alloc(PIECE + KEY_BYTES)
  for (let at = from; at < to; at += PIECE) {
    try {
      yield piece.subarray(0, readSync(memory, piece, 0, Math.min(piece.length, to - at), at))
    } catch {
      // A page that nobody can read.
    }
  }
}

function* keysIn(piece: Buffer): Generator<string> {
  for (let i = piece.indexOf(KEY); i >= 0; i = piece.indexOf(KEY, i + 1)) {
    const key = piece.subarray(i, i + KEY_BYTES)
    if (isKey(key)) yield createHash('sha256').update(key).digest('hex')
  }
}

const secretsIn = (piece: Buffer, secrets: readonly Buffer[]): string[] =>
  secrets.filter(secret => piece.includes(secret)).map(secret => secret.toString('hex'))

async function serve(input: Readable, output: Writable): Promise<void> {
  for await (const line of createInterface(input)) {
    const reply = await obey(JSON.parse(line) as Order).catch(error => ({ error: error.code ?? String(error) }))
    output.write(`${JSON.stringify(reply ?? null)}\n`)
  }
}

async function listen(name: string): Promise<void> {
  const server = createServer(socket => void serve(socket, socket).finally(() => process.exit()))
  await once(server.listen(`\0${name}`), 'listening')
}

await serve(process.stdin, process.stdout)
if (!serving) process.exit()
