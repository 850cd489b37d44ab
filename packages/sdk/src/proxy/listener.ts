import type { Socket } from 'node:net'
import { type Serving, urlOf } from '../guard/serve.ts'
import { backoff } from '../identity/backoff.ts'
import type { AnyServer } from '../identity/choices.ts'
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

  constructor(place: Place, server: AnyServer, id: string, options: CarrierListen) {
    this.#place = place
    this.#server = server
    this.#id = id
    this.#options = options
    this.#port = options.port
  }

  /** @throws IdentityError what the daemon says, `workload_api_unreachable` */
  async serve<S extends AnyServer>(server: S): Promise<Serving<S>> {
    await this.#listen()
    const { host } = this.#options
    const port = this.#port
    return { server, host, port, url: urlOf({ host, port }), close: async () => this.close() }
  }

  /** Takes no more connections. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelWait()
    this.#socket?.destroy()
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections()
    this.#server.emit('close')
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

  /** A daemon that has gone comes back: then the same port is wanted. */
  #again(): void {
    if (this.#closed) return
    this.#cancelWait = this.#place.time.after(backoff(++this.#failures, Math.random), () => {
      this.#listen().catch(() => this.#again())
    })
  }

  #accept(ticket: string): void {
    // The door judges the peer, as for any connection of TLS; a request is judged again, and by its authorizer.
    const arrive = ({ socket }: { readonly socket: PeerSocket }) => this.#server.emit('secureConnection', socket)
    // Whoever has left meanwhile is no loss.
    join(this.#place, { do: 'accept', ticket }, socket => socket).then(arrive, () => {})
  }
}
