import { lstatSync } from 'node:fs'
import { Agent, type ClientRequest, request } from 'node:http'
import { dirname, resolve } from 'node:path'
import process from 'node:process'
import { isOpenToOthers } from '@lanyard/sdk/authority'
import { type Options, text, type Values } from '../command.ts'
import type { Io } from '../io.ts'
import { Misuse, type Problem, Refusal, refuse } from '../problem.ts'

const DEFAULT_SOCKET = '/run/lanyard/admin.sock'
const DEADLINE_MS = 15_000
const LONGEST_REPLY = 64 * 1024 * 1024

const group = { group: 'connection' } as const

/** Where the daemon of this machine is: options of every command that asks it. */
export const DAEMON = {
  'admin-socket': {
    ...text('PATH', `Admin socket of the daemon; ${DEFAULT_SOCKET} where not given`),
    ...group,
    variable: 'LANYARD_ADMIN_SOCKET',
  },
  'daemon-uid': { ...text('UID', 'Who runs the daemon, where it is neither root nor you'), ...group },
} as const satisfies Options

type DaemonOptions = Values<typeof DAEMON>

/** The daemon of this machine, over one connection that is kept. */
export class DaemonClient {
  readonly #path: string
  // One connection: what is launched must be younger than the one over which it is told.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(path: string) {
    this.#path = path
  }

  /** A reply in JSON. Throws Refusal with the daemon's code, `daemon_unreachable`, `launch_forbidden`. */
  async call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const { status, text } = await this.#send(method, path, body)
    const value = parse(text)
    if (status < 300) return value as T
    const { code } = (value ?? {}) as { code?: unknown }
    throw typeof code === 'string'
      ? new Refusal(value as Problem)
      : refuse('daemon_unreachable', `${this.#path} answers ${status}: is this Lanyard?`)
  }

  close(): void {
    this.#agent.destroy()
  }

  #send(method: string, path: string, body: object | undefined): Promise<{ status: number; text: string }> {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const where = { socketPath: this.#path, agent: this.#agent, timeout: DEADLINE_MS, method, path, headers }
    return new Promise((resolve, reject) => {
      const outgoing = request(where)
      outgoing.on('error', error => reject(unreachable(this.#path, error)))
      outgoing.on('timeout', () => outgoing.destroy(new Error(`nothing came in ${DEADLINE_MS / 1000} s`)))
      readReply(outgoing, resolve, reject)
      outgoing.end(body && JSON.stringify(body))
    })
  }
}

function readReply(
  outgoing: ClientRequest,
  resolve: (reply: { status: number; text: string }) => void,
  reject: (error: unknown) => void,
): void {
  outgoing.on('response', response => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.length > LONGEST_REPLY) response.destroy(new Error('a reply without end'))
    })
    response.on('error', reject)
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const forbidden = (path: string) =>
  new Refusal({
    code: 'launch_forbidden',
    title: 'This user may not ask the daemon',
    detail: `${path}: expected root or the user of the daemon, got uid ${process.getuid?.()}`,
    remedy:
      'Ask as root or as the user of the daemon; or add the user to `launchers`, who may launch and ask for status.',
  })

function unreachable(path: string, error: Error): Refusal {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EACCES') return forbidden(path)
  // Whom it does not admit it tells nothing.
  const cut = code === 'ECONNRESET' || code === 'EPIPE'
  const reason = cut ? `it cut the connection: may uid ${process.getuid?.()} ask it?` : (code ?? error.message)
  return refuse('daemon_unreachable', `${path}: ${reason}`, { cause: error })
}

/** The daemon that options and environment name. Throws {@link Misuse}, `daemon_unreachable`, `daemon_untrusted`. */
export function connectDaemon(options: DaemonOptions, { env, cwd }: Pick<Io, 'env' | 'cwd'>): DaemonClient {
  // From the folder of the caller, as every other path on the command line.
  const path = resolve(cwd, options['admin-socket'] ?? env.LANYARD_ADMIN_SOCKET ?? DEFAULT_SOCKET)
  const written = options['daemon-uid']
  if (written !== undefined && !/^\d{1,9}$/.test(written))
    throw new Misuse(`--daemon-uid: expected a number, got ${JSON.stringify(written)}`)
  try {
    judgeServer(path, [0, process.getuid?.() ?? 0, ...(written === undefined ? [] : [Number(written)])])
  } catch (error) {
    // A folder above it that is closed to us.
    throw (error as NodeJS.ErrnoException).code === 'EACCES' ? forbidden(path) : error
  }
  return new DaemonClient(path)
}

/** Whoever else could have put the socket there could pretend to be the daemon. */
function judgeServer(path: string, trusted: readonly number[]): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) throw refuse('daemon_unreachable', `${path}: there is no such socket`)
  if (!found.isSocket()) throw refuse('daemon_untrusted', `${path}: expected a socket`)
  judgeOwner(path, found.uid, trusted)
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const stats = lstatSync(folder)
    judgeOwner(folder, stats.uid, trusted)
    if (isOpenToOthers(stats))
      throw refuse('daemon_untrusted', `${folder}: others can write there (mode ${(stats.mode & 0o7777).toString(8)})`)
    if (folder === dirname(folder)) return
  }
}

function judgeOwner(path: string, uid: number, trusted: readonly number[]): void {
  if (!trusted.includes(uid))
    throw refuse('daemon_untrusted', `${path}: expected the owner ${[...new Set(trusted)].join(' or ')}, got ${uid}`)
}
