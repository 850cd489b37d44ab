import { LanyardError, type Sink, type Streaming } from '@lanyard/api'
import type { Connection } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import type { AnyResponse } from './listener.ts'
import { isGone } from './respond.ts'
import type { UnreadReplies } from './unread-replies.ts'

export interface StreamsParts {
  /** How long a reader may take nothing of what waits for it. */
  readonly deadlines: Deadlines
  readonly unread: UnreadReplies
  /** Takes the limits of time away from a reply. */
  readonly keep: (response: AnyResponse, connection: Connection) => void
}

/**
 * Streams of one connection. Each costs as much as a reader, and a connection is what admission counts. On that of a
 * proxy every caller has as many, or one client of it could keep the feed from all others.
 */
const MOST_PER_CONNECTION = 4

/** Replies without end, as long as they last. */
export class Streams {
  readonly #parts: StreamsParts
  readonly #open = new Set<ReplySink>()
  #ended = false

  constructor(parts: StreamsParts) {
    this.#parts = parts
  }

  /**
   * Goes on with a reply whose head is sent. `caller`: whose it is on the connection of a proxy. Kept once it is over.
   */
  run(
    response: AnyResponse,
    connection: Connection,
    streaming: Streaming,
    caller: string | null = null,
  ): Promise<void> {
    const sink = new ReplySink(response, connection, caller, this.#parts)
    if (this.#ended) sink.end()
    else this.#parts.keep(response, connection)
    this.#open.add(sink)
    return new Promise(resolve => {
      const stop = this.#ended ? () => {} : streaming(sink)
      const over = () => {
        this.#open.delete(sink)
        sink.closed()
        stop()
        resolve()
      }
      if (response.destroyed) over()
      else response.once('close', over)
    })
  }

  /** Throws `rate_limited` where a connection has as many as one reader has a use for. */
  requireRoom(connection: Connection, caller: string | null = null): void {
    let open = 0
    for (const sink of this.#open) if (sink.isOf(connection) && sink.caller === caller) open++
    if (open < MOST_PER_CONNECTION) return
    throw new LanyardError('rate_limited', `expected at most ${MOST_PER_CONNECTION} streams on one connection`, {
      retry_after_sec: 1,
    })
  }

  /** Cuts those of a connection; gives how many there were. */
  cut(connection: Connection): number {
    let cut = 0
    for (const sink of this.#open) {
      if (!sink.isOf(connection)) continue
      sink.breakOff()
      cut++
    }
    return cut
  }

  /** Ends all of them in good order, and those that come. */
  endAll(): void {
    this.#ended = true
    for (const sink of this.#open) sink.end()
  }
}

class ReplySink implements Sink {
  readonly caller: string | null
  readonly #response: AnyResponse
  readonly #connection: Connection
  readonly #parts: StreamsParts
  /** Forgets the deadline of what waits; null while nothing does. */
  #inTime: (() => void) | null = null

  constructor(response: AnyResponse, connection: Connection, caller: string | null, parts: StreamsParts) {
    this.caller = caller
    this.#response = response
    this.#connection = connection
    this.#parts = parts
    response.on('drain', () => this.#drained())
  }

  write(bytes: Uint8Array): boolean {
    const response = this.#response
    if (isGone(response) || response.writableEnded) return false
    // Both classes can write bytes; their declarations have no common form.
    if ((response.write as (chunk: Uint8Array) => boolean).call(response, bytes)) return true
    this.#inTime ??= this.#parts.deadlines.begin(() => this.cut())
    this.#parts.unread.hold(response, response.writableLength, this.#connection)
    return false
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener)
  }

  end(): void {
    if (!this.#response.destroyed) this.#response.end()
  }

  cut(): void {
    // Whoever reads too slowly behind a proxy takes nothing from the others there.
    if (this.caller === null) this.#connection.raw.destroy()
    else this.breakOff()
  }

  isOf(connection: Connection): boolean {
    return connection === this.#connection
  }

  /** Ends at once, and leaves the connection to its other replies. */
  breakOff(): void {
    this.#response.destroy()
  }

  closed(): void {
    this.#drained()
  }

  #drained(): void {
    this.#inTime?.()
    this.#inTime = null
    this.#parts.unread.forget(this.#response)
  }
}
