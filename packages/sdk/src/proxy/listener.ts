import type { EventEmitter } from 'node:events'
import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { type AnyServer, type Serving, urlOf } from '../guard/serve.ts'
import { backoff } from '../identity/backoff.ts'
import type { CarrierListen, PeerSocket } from '../mtls/carrier.ts'
import type { Place } from '../workload-api/options.ts'
import { askProxy, join } from './join.ts'
import { eachLine, parseAnswer, readLine } from './lines.ts'
import type { ListenLine } from './wire.ts'

type Listening = Extract<ListenLine, { readonly listening: object }>

/** The daemon listens in the place of a server, and hands over those who have proved themselves. */
export class DaemonListener {
  readonly #place: Place
  readonly #server: AnyServer
  readonly #id: string
  readonly #options: CarrierListen
  #port: number
  #socket: Socket | null = null
  #cancelWait = () => {}
  #failures = 0
  #closed = false
  #serves = false
  #opening = false
  readonly #open = new Set<PeerSocket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #onEmpty: (() => void)[] = []

  constructor(place: Place, server: AnyServer, id: string, options: CarrierListen) {
    this.#place = place
    this.#server = server
    this.#id = id
    this.#options = options
    this.#port = options.port
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
    const finished = () => this.#closed && setImmediate(() => this.#closeIdle())
    server.on('request', (_request: unknown, response: EventEmitter) => response.once('close', finished))
  }

  /** @throws IdentityError what the daemon says, `workload_api_unreachable` */
  async serve<S extends AnyServer>(server: S): Promise<Serving<S>> {
    await this.#listen()
    this.#serves = true
    // From here on Node watches over its connections: those that send slowly, those that are idle.
    this.#server.emit('listening')
    const { host } = this.#options
    const port = this.#port
    return { server, host, port, url: urlOf({ host, port }), close: () => this.close() }
  }

  /** Takes no more connections, and waits for the requests under way. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelWait()
    this.#socket?.destroy()
    // It has no socket of its own, which is all that Node could hold against this.
    this.#server.close(() => {})
    this.#closeIdle()
    while (this.#open.size > 0) await new Promise<void>(resolve => this.#onEmpty.push(resolve))
  }

  /** Node knows of no server that listens here, and would keep connections alive. */
  #closeIdle(): void {
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections()
    for (const session of this.#sessions) session.close()
  }

  #take(socket: PeerSocket): void {
    if (this.#closed) return void socket.destroy()
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      if (this.#open.size === 0) for (const wake of this.#onEmpty.splice(0)) wake()
    })
    this.#server.emit('secureConnection', socket)
  }

  async #listen(): Promise<void> {
    const { host, alpn } = this.#options
    const socket = await askProxy(this.#place, { do: 'listen', id: this.#id, host, port: this.#port, alpn })
    try {
      const { listening } = parseAnswer<Listening>(await readLine(socket), ['listening'])
      this.#port = Number(listening.port)
    } catch (error) {
      socket.destroy()
      throw error
    }
    if (this.#closed) return void socket.destroy()
    this.#socket = socket
    this.#failures = 0
    eachLine(socket, text => this.#accept(parseAnswer<{ readonly ticket: string }>(text, ['ticket']).ticket))
    socket.once('close', () => this.#again())
  }

  /** The daemon is there again, and the same port is wanted; now, and not when the pause is over. */
  reopen(): void {
    if (this.#closed || this.#socket !== null || !this.#serves || this.#opening) return
    this.#cancelWait()
    this.#opening = true
    this.#listen()
      .catch(() => this.#again())
      .finally(() => {
        this.#opening = false
      })
  }

  #again(): void {
    this.#socket = null
    if (this.#closed) return
    this.#cancelWait()
    this.#cancelWait = this.#place.time.after(backoff(++this.#failures, Math.random), () => this.reopen())
  }

  #accept(ticket: string): void {
    // The door judges the peer, as for any connection of TLS; a request is judged again, and by its authorizer.
    // Whoever has left meanwhile is no loss.
    join(this.#place, { do: 'accept', ticket }, socket => socket).then(
      ({ socket }) => this.#take(socket),
      () => {},
    )
  }
}
