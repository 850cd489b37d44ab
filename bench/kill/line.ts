import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import { monotonic } from './clock.ts'

/** What came back for one call. Times are {@link monotonic}. */
export interface Answer {
  readonly status: number
  /** When the call was sent. */
  readonly sentAt: number
  /** When the first byte of the answer was there. */
  readonly firstByteAt: number
  /** When the handler of the service ran, as it wrote; NaN where another answered for it. */
  readonly admittedAt: number
  /** Of a refusal. */
  readonly code: string | null
}

export interface LineEvents {
  onAnswer(answer: Answer): void
  /** The connection is gone; `lost` when a call had no answer yet. */
  onEnd(cause: string, lost: boolean): void
}

export interface Goal {
  readonly host: string
  readonly port: number
}

/**
 * One kept-alive connection by mutual TLS that carries one call at a time: HTTP/1.1 written by hand, so that the first byte
 * of an answer has its time, and nothing is repeated or connected anew behind our back. It verifies the service's chain, not its name.
 */
export class Line {
  readonly #socket: TLSSocket
  readonly #events: LineEvents
  readonly #request: string
  #sentAt: number | null = null
  #firstByteAt = 0
  #received = ''
  #ended = false
  #cause = 'closed'

  constructor({ host, port }: Goal, secureContext: SecureContext, events: LineEvents) {
    this.#events = events
    this.#request = `GET /invoices HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\n`
    this.#socket = connect({
      host,
      port,
      secureContext,
      checkServerIdentity: () => undefined,
      ALPNProtocols: ['http/1.1'],
    })
    this.#socket.setNoDelay(true)
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (text: unknown) => this.#take(text as string))
    this.#socket.on('error', error => (this.#cause = (error as { code?: string }).code ?? error.message))
    this.#socket.on('close', () => this.#end())
    this.#socket.on('end', () => this.#end())
  }

  get open(): boolean {
    return !this.#ended
  }

  get busy(): boolean {
    return this.#sentAt !== null
  }

  /** Sends a call; it waits for the handshake. */
  call(): void {
    this.#sentAt = monotonic()
    this.#firstByteAt = 0
    this.#socket.write(this.#request)
  }

  close(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  #take(text: string): void {
    if (this.#received === '') this.#firstByteAt = monotonic()
    this.#received += text
    const head = this.#received.indexOf('\r\n\r\n')
    if (head < 0 || this.#sentAt === null) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received.slice(0, head + 2))?.[1] ?? 0)
    if (this.#received.length < head + 4 + length) return
    const body = this.#received.slice(head + 4, head + 4 + length)
    const status = Number(this.#received.slice(9, 12))
    const sentAt = this.#sentAt
    this.#sentAt = null
    this.#received = ''
    const firstByteAt = this.#firstByteAt
    const admittedAt = status === 200 ? Number(body) : Number.NaN
    this.#events.onAnswer({
      status,
      sentAt,
      firstByteAt,
      admittedAt,
      code: status === 200 ? null : codeIn(body, status),
    })
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.destroy()
    this.#events.onEnd(this.#cause, this.#sentAt !== null)
  }
}

function codeIn(body: string, status: number): string {
  try {
    return String((JSON.parse(body) as { code?: unknown }).code ?? status)
  } catch {
    return String(status)
  }
}
