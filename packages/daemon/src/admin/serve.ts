import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import process from 'node:process'
import { ERRORS, type ErrorCode, LanyardError } from '@lanyard/api'
import type { Launcher } from '../launches/index.ts'
import { peerUser } from '../peer/index.ts'
import { ticksNow } from '../peer/ticks.ts'
import type { HeldProcess, Log } from '../ports.ts'
import { requireFolder } from '../sockets/endpoint.ts'
import { listenPrivately } from '../sockets/listen.ts'
import { Quota } from '../sockets/quota.ts'
import { Rate } from '../sockets/rate.ts'
import { ADMIN_ROUTES, type AdminParts, type AdminReply } from './routes.ts'

export interface AdminOptions {
  /** Path of the Unix socket. */
  readonly path: string
  /** Users besides root and our own who may launch workloads. */
  readonly launchers: readonly number[]
  /** Who is at the other end of a connection; throws `workload_gone`. */
  readonly peerOf: (socket: Socket) => HeldProcess
  readonly log: Log
}

export interface AdminServer {
  readonly path: string
  /** Ends all connections and takes the socket away. */
  close(): Promise<void>
}

/** Requests are small; what is more is refused before it is read. */
const BODY_BYTES = 8192
const CONNECTIONS = 128
const CONNECTIONS_PER_UID = 64
/** Refusals of one user that are logged. */
const TOLD_PER_SEC = 1

/**
 * Serves status, metrics, launches and explanations on a Unix socket to root, to our own user and to launchers; others are
 * cut off before a byte of theirs is read. Throws `socket_unusable`, `permissions_too_wide`.
 */
export async function startAdmin(options: AdminOptions, parts: AdminParts): Promise<AdminServer> {
  const { path, launchers, log } = options
  const callers = new WeakMap<Socket, Launcher>()
  const server = createServer({ maxHeaderSize: 8192, requestTimeout: 10_000, headersTimeout: 5000 })
  const door = new Door(options)
  server.on('connection', socket => {
    const caller = door.admit(socket)
    if (caller !== null) callers.set(socket, caller)
  })
  server.on('request', (request, response) => {
    void answer(request, callers.get(request.socket), parts)
      .catch(error => refusal(error, log))
      .then(reply => send(response, reply))
  })
  const own = process.getuid?.() ?? 0
  requireFolder(path)
  await listenPrivately(server, path, launchers.some(uid => uid !== 0 && uid !== own) ? 0o666 : 0o600)
  return { path, close: () => close(server) }
}

/** Asks of the kernel, not of the caller: who connects is known before it has said anything. */
class Door {
  readonly #options: AdminOptions
  /** Of those who may come in alone: strangers take nobody's place. */
  readonly #quota = new Quota(CONNECTIONS, CONNECTIONS_PER_UID)
  readonly #told = new Rate(TOLD_PER_SEC, TOLD_PER_SEC * 10)

  constructor(options: AdminOptions) {
    this.#options = options
  }

  admit(socket: Socket): Launcher | null {
    socket.on('error', () => {})
    try {
      const user = peerUser(socket)
      if (user !== null && !this.#isKnown(user)) return this.#refuse(socket, 'launch_forbidden', user)
      return this.#held(socket, this.#options.peerOf(socket))
    } catch (error) {
      return this.#refuse(socket, error instanceof LanyardError ? error.code : 'internal_error', null)
    }
  }

  #held(socket: Socket, process: HeldProcess): Launcher | null {
    const putBack = this.#isKnown(process.uid) ? this.#quota.take(process.uid) : null
    if (putBack === null) {
      process.release()
      return this.#refuse(socket, this.#isKnown(process.uid) ? 'rate_limited' : 'launch_forbidden', process.uid)
    }
    socket.once('close', () => {
      putBack()
      process.release()
    })
    return { process, since: ticksNow() }
  }

  #isKnown(uid: number): boolean {
    return isAdmin(uid) || this.#options.launchers.includes(uid)
  }

  /** Who is refused without end must not fill the log. */
  #refuse(socket: Socket, code: ErrorCode, uid: number | null): null {
    if (this.#told.take(uid ?? -1, performance.now()))
      this.#options.log.warn({ code, uid }, 'refused at the admin socket')
    socket.destroy()
    return null
  }
}

const isAdmin = (uid: number): boolean => uid === 0 || uid === process.getuid?.()

async function answer(request: IncomingMessage, by: Launcher | undefined, parts: AdminParts): Promise<AdminReply> {
  const { method = '', url = '' } = request
  const name = `${method} ${url}`
  const route = Object.hasOwn(ADMIN_ROUTES, name) ? ADMIN_ROUTES[name] : undefined
  if (!route) throw new LanyardError('route_unknown', `expected one of ${Object.keys(ADMIN_ROUTES).join(', ')}`)
  if (!by?.process.isAlive()) throw new LanyardError('workload_gone', 'who asks has ended')
  if (!route.launchers && !isAdmin(by.process.uid))
    throw new LanyardError('launch_forbidden', 'launchers may ask for status and launches alone')
  return route.answer(parts, method === 'POST' ? await bodyOf(request) : undefined, by)
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES) throw new LanyardError('body_too_large', `expected at most ${BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new LanyardError('body_invalid', 'expected JSON')
  }
}

function refusal(error: unknown, log: Log): AdminReply {
  if (!(error instanceof LanyardError)) log.error({ err: error }, 'the admin socket could not answer')
  const code = error instanceof LanyardError ? error.code : 'internal_error'
  const detail = error instanceof LanyardError ? error.message : 'the cause is in the log of the daemon'
  const { status, title, remedy } = ERRORS[code]
  return { status, type: 'application/json', body: JSON.stringify({ code, title, detail, remedy }) }
}

function send(response: ServerResponse, { status, type, body }: AdminReply): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(body)
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
