import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, constants } from 'node:fs'
import { appendFile, copyFile, readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { DaemonProcess } from '../daemon-process.ts'
import { type Json, lanyardUp } from '../lanyard-up.ts'
import type { Got } from './ask.ts'
import type { Order } from './puppet.ts'

/** The command line. */
export const MAIN = new URL('../../../packages/cli/src/main.ts', import.meta.url).pathname
/** The program that agents and thieves are. */
export const PUPPET = new URL('./puppet.ts', import.meta.url).pathname

/** A puppet that somebody started: orders go to it or, by `to`, to what it has spawned. */
export interface Actor {
  readonly pid: number
  /** The reply to an order. */
  order(order: Order): Promise<Json>
  ask(order?: Partial<Extract<Order, { do: 'ask' }>>): Promise<Got>
  /** Exit code of what was started: of `lanyard run` for the launched. */
  readonly ended: Promise<number | null>
  readonly child: ChildProcess
  end(): Promise<void>
  /** Ends it by SIGKILL, and waits until nobody has its number. */
  kill(): Promise<void>
  /** What was said on standard error. */
  said(): string
}

/** An authority, a node and its daemon, each a real process, the daemon as root. */
export interface Stage {
  readonly folder: string
  /** Folder of the daemon's keys. */
  readonly data: string
  readonly adminSocket: string
  readonly endpoint: string
  readonly api: Awaited<ReturnType<typeof lanyardUp>>
  /** Registers an agent with an entry, and waits until the daemon knows it; gives the id of the entry and its SPIFFE ID. */
  register(agent: string, entry: object): Promise<{ entry: string; id: string }>
  /** Starts a puppet by `lanyard run`. */
  launch(entry: string, uid: number, how?: How): Promise<Actor>
  /** A puppet that was started by other means. */
  play(child: ChildProcess): Promise<Actor>
  /** Starts a puppet under a uid, which nobody launched. */
  start(uid: number, how?: How): Promise<Actor>
  /** The same, kept only if it has got this process number. */
  startAs(pid: number, uid: number): Promise<Actor | null>
  /** Kills the daemon and starts it again on what it has kept. */
  restartDaemon(): Promise<void>
  /** A child of an actor, over a line of its own, so that it can be asked when the actor has ended. */
  adopt(actor: Actor, child: string): Promise<Pick<Actor, 'order' | 'ask'>>
  /** Another program than ours that does the same: a copy of Node.js with other content. Root owns it. */
  otherNode(): Promise<string>
  /** SHA-256 of the Node.js that runs, hex. */
  hashOfNode(): Promise<string>
  /** What `POST /explain` of the daemon says. */
  explain(pid: number): Promise<Json>
  close(): Promise<void>
}

export interface How {
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Options of `lanyard run`. */
  readonly options?: readonly string[]
}

/** Starts authority and daemon. For root on Linux alone: agents run under users of their own. */
export async function openTheftStage(): Promise<Stage> {
  const api = await lanyardUp()
  await api.call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  const daemon = await DaemonProcess.of(api, 'stage')
  const { folder, adminSocket } = daemon
  const endpoint = `unix://${daemon.socket}`
  const actors: Actor[] = []
  const lines: Socket[] = []
  const explain = (pid: number) => askAdmin(adminSocket, { pid })
  const play = async (child: ChildProcess) => {
    const actor = await playing(child)
    actors.push(actor)
    return actor
  }
  let other: Promise<string> | undefined
  return {
    folder,
    data: join(folder, 'data'),
    adminSocket,
    endpoint,
    api,
    explain,
    play,
    async register(agent, entry) {
      const { spiffe_id: id } = await api.call('POST', '/v1/agents', { tenant: 'acme', agent })
      const made = await api.call('POST', '/v1/entries', { tenant: 'acme', agent, ...entry })
      // To hash our executable for the first time may take a starved machine longer than an attestor is given.
      const told = () => explain(process.pid).catch(slow)
      const known = async () => (await told()).verdicts.some((one: Json) => one.entry === made.id)
      while (!(await known())) await new Promise(resolve => setTimeout(resolve, 10))
      return { entry: made.id, id }
    },
    launch: (entry, uid, { command = [process.execPath, PUPPET], env = {}, options = [] } = {}) => {
      const run = ['run', '--entry', entry, '--user', `${uid}:${uid}`, '--admin-socket', adminSocket, ...options]
      const whole = { PATH: process.env.PATH, ...env }
      return play(spawn(process.execPath, [MAIN, ...run, '--', ...command], { ...PIPES, env: whole }))
    },
    start: (uid, { command = [process.execPath, PUPPET], env = {} } = {}) => {
      const [file = '', ...args] = command
      const own = { PATH: process.env.PATH, SPIFFE_ENDPOINT_SOCKET: endpoint, ...env }
      return play(spawn(file, args, { ...PIPES, env: own, ...(uid === 0 ? {} : { uid, gid: uid }) }))
    },
    async restartDaemon() {
      await daemon.end('SIGKILL')
      await daemon.start()
    },
    async startAs(pid, uid) {
      const options = { ...PIPES, uid, gid: uid, env: { PATH: process.env.PATH, SPIFFE_ENDPOINT_SOCKET: endpoint } }
      const child = spawn(process.execPath, [PUPPET], options)
      if (child.pid !== pid) {
        child.kill('SIGKILL')
        await once(child, 'exit')
        return null
      }
      return play(child)
    },
    async adopt(actor, child) {
      const name = `lyt-${randomUUID()}`
      await actor.order({ to: [child], do: 'serve', name })
      const line = connect(`\0${name}`)
      lines.push(line)
      return orders(line, line, async () => `the line ended: ${actor.said()}`)
    },
    hashOfNode: async () =>
      createHash('sha256')
        .update(await readFile(process.execPath))
        .digest('hex'),
    otherNode: () => (other ??= copyOfNode(join(folder, 'other-node'))),
    async close() {
      for (const line of lines) line.destroy()
      for (const actor of actors) await actor.end()
      await daemon.remove()
      await api.remove()
    },
  }
}

async function copyOfNode(path: string): Promise<string> {
  await copyFile(process.execPath, path, constants.COPYFILE_FICLONE)
  // What stands behind the end of an ELF file is not read.
  await appendFile(path, 'other')
  chmodSync(path, 0o755)
  return path
}

const PIPES = { stdio: ['pipe', 'pipe', 'pipe'] } as { stdio: ['pipe', 'pipe', 'pipe'] }

/** Orders and replies, line by line. */
function orders(input: Writable, output: Readable, why = async () => 'the line ended'): Pick<Actor, 'order' | 'ask'> {
  const replies = createInterface(output)[Symbol.asyncIterator]()
  input.on('error', () => {})
  const order = async (order: Order): Promise<Json> => {
    input.write(`${JSON.stringify(order)}\n`)
    const { value, done } = await replies.next()
    if (done) throw new Error(await why())
    return JSON.parse(value)
  }
  const ask: Actor['ask'] = async more => {
    for (;;) {
      const got: Got = await order({ do: 'ask', ...more })
      // On a busy machine the daemon may not get to the end of a large program in its time. What it has read it knows the next
      // time; a connection is for one question.
      if (got.code !== 'attestation_failed' || more?.with !== undefined || more?.fd !== undefined) return got
    }
  }
  return { order, ask }
}

async function playing(child: ChildProcess): Promise<Actor> {
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', text => (said += text))
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const told = orders(child.stdin!, child.stdout!, async () => `ended with ${await ended}: ${said}`)
  const { pid } = await told.order({ do: 'hello' })
  return {
    pid,
    ...told,
    ended,
    child,
    said: () => said,
    async kill() {
      process.kill(pid, 'SIGKILL')
      await ended
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.stdin!.end()
      child.kill('SIGTERM')
      await ended
    },
  }
}

function slow(error: Error): { readonly verdicts: readonly Json[] } {
  if (error.message.includes('did not answer within')) return { verdicts: [] }
  throw error
}

function askAdmin(socketPath: string, body: object): Promise<Json> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method: 'POST', path: '/explain', agent: false }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => (text += chunk))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`the daemon does not explain ${JSON.stringify(body)}: ${text}`))
      })
    })
    outgoing.on('error', reject)
    outgoing.end(JSON.stringify(body))
  })
}
