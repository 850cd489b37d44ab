import type { Connection } from './connection.ts'
import type { AnyResponse } from './listener.ts'

/** What may wait here for clients who do not read it, in bytes, all clients together. */
const MOST = 64 * 1024 * 1024
/** What a reply costs beside its own bytes, roughly: a stream, its buffers and listeners. */
const EACH = 4096

interface Waiting {
  readonly bytes: number
  readonly connection: Connection
}

/**
 * Replies that were written and not yet taken. Who asks for much and reads nothing makes us keep it: 300 strangers with
 * 40 streams each held 1.3 GB of the public API description (tried). Beyond the allowance the connection is cut whose
 * reply waits longest: an honest client takes its own as soon as it comes.
 */
export class UnreadReplies {
  readonly #most: number
  /** Oldest first. */
  readonly #waiting = new Map<AnyResponse, Waiting>()
  #bytes = 0

  constructor(most = MOST) {
    this.#most = most
  }

  /** Bytes that wait, with what they cost beside. */
  get bytes(): number {
    return this.#bytes
  }

  /** Counts a reply of so many bytes that was just written, until it is taken or its connection is gone. */
  add(response: AnyResponse, size: number, connection: Connection): void {
    response.once('close', () => this.forget(response))
    this.hold(response, size, connection)
  }

  /** Counts what waits of a reply that goes on, until it is forgotten. */
  hold(response: AnyResponse, size: number, connection: Connection): void {
    this.forget(response)
    const bytes = size + EACH
    this.#waiting.set(response, { bytes, connection })
    this.#bytes += bytes
    for (const [oldest, { connection: slow }] of this.#waiting) {
      if (this.#bytes <= this.#most) return
      this.forget(oldest)
      slow.raw.destroy()
    }
  }

  forget(response: AnyResponse): void {
    this.#bytes -= this.#waiting.get(response)?.bytes ?? 0
    this.#waiting.delete(response)
  }
}
