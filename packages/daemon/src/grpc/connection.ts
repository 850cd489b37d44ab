import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import { Code } from '@connectrpc/connect'
import type { HeldProcess, Time } from '../ports.ts'
import type { Quota } from '../sockets/quota.ts'
import type { Calls } from './calls.ts'
import { respondWithStatus } from './exchange.ts'
import { LegalAuthority } from './legal-authority.ts'
import { BURST, type GrpcLimits } from './limits.ts'
import { deniedError } from './refusal.ts'

export interface ConnectionParts {
  readonly calls: Calls
  /** Open calls by user. */
  readonly quota: Quota
  readonly limits: GrpcLimits
  readonly time: Time
}

/** How long a connection may take to end after it was told to. */
const GOODBYE_MS = 1000

/**
 * One connection of one process. The kernel bounds who it is and HTTP/2 bounds what one call holds; the time and the work
 * that a caller takes are bounded here.
 */
export class Connection {
  readonly #session: ServerHttp2Session
  readonly #caller: HeldProcess
  readonly #parts: ConnectionParts
  readonly #calls = new Set<AbortController>()
  #cancelTimer: () => void = () => {}
  #abandoned: { count: number; since: number }
  readonly #forget: () => void

  /** @param closed called once, when nothing is left of it */
  constructor(socket: Socket, caller: HeldProcess, parts: ConnectionParts, closed: () => void) {
    this.#caller = caller
    this.#parts = parts
    this.#abandoned = { count: 0, since: parts.time.monotonic() }
    this.#session = performServerHandshake(new LegalAuthority(socket), settingsFor(parts.limits))
    this.#session.on('error', () => {})
    this.#session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      this.#opened(stream, headers),
    )
    this.#forget = caller.onEnd(() => this.#callerEnded())
    this.#session.once('close', () => {
      this.#cancelTimer()
      this.#forget()
      closed()
    })
    this.#wait(parts.limits.firstCallMs, () => this.#session.destroy())
  }

  /** Ends all its calls with `reason`, then the connection. */
  end(reason: Error): void {
    for (const call of this.#calls) call.abort(reason)
    this.#goodbye()
  }

  #callerEnded(): void {
    this.end(deniedError('workload_gone', 'the process that connected has ended'))
  }

  /** Who does not answer it is cut. */
  #goodbye(): void {
    if (this.#session.destroyed) return
    this.#session.close()
    this.#wait(GOODBYE_MS, () => this.#session.destroy())
  }

  #wait(ms: number, then: () => void): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#parts.time.after(ms, then)
  }

  #opened(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Without a listener, what one stream suffers would end the process.
    stream.on('error', () => {})
    const { quota, limits, calls } = this.#parts
    const putBack = quota.take(this.#caller.uid)
    if (putBack === null) {
      respondWithStatus(stream, Code.ResourceExhausted, 'rate_limited: too many calls of this user are open')
      stream.resume()
      return
    }
    if (this.#calls.size === 0 && !this.#session.closed) this.#cancelTimer()
    const call = new AbortController()
    this.#calls.add(call)
    const cancel = calls.hasOneRequest(headers) ? this.#requestDue(stream) : () => {}
    stream.once('close', () => {
      cancel()
      putBack()
      this.#closed(call, stream)
    })
    const { signal } = call
    void calls.answer({ stream, headers, caller: this.#caller, signal }).then(() => this.#answered(stream, limits))
  }

  #requestDue(stream: ServerHttp2Stream): () => void {
    const cancel = this.#parts.time.after(this.#parts.limits.requestMs, () => stream.close(constants.NGHTTP2_CANCEL))
    stream.once('end', cancel)
    return cancel
  }

  /** A caller that was answered has no more to say. What it still sends is thrown away, for a while. */
  #answered(stream: ServerHttp2Stream, { requestMs }: GrpcLimits): void {
    if (stream.destroyed) return
    stream.resume()
    stream.once(
      'close',
      this.#parts.time.after(requestMs, () => stream.close(constants.NGHTTP2_CANCEL)),
    )
  }

  #closed(call: AbortController, stream: ServerHttp2Stream): void {
    this.#calls.delete(call)
    call.abort()
    if (this.#session.closed || this.#session.destroyed) return
    // Rapid reset, CVE-2023-44487: opening and giving up costs a caller less than us.
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && this.#isFlood()) {
      this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
    } else if (this.#calls.size === 0) {
      this.#wait(this.#parts.limits.idleMs, () => this.#goodbye())
    }
  }

  #isFlood(): boolean {
    const now = this.#parts.time.monotonic()
    const { resetsPerSec } = this.#parts.limits
    const forgiven = ((now - this.#abandoned.since) / 1000) * resetsPerSec
    const count = Math.max(0, this.#abandoned.count - forgiven) + 1
    this.#abandoned = { count, since: now }
    return count > resetsPerSec * BURST
  }
}

const settingsFor = (limits: GrpcLimits) => ({
  maxHeaderListPairs: 64,
  maxSettings: 32,
  maxSessionInvalidFrames: 10,
  maxSessionRejectedStreams: 100,
  settings: {
    enablePush: false,
    maxConcurrentStreams: limits.callsPerConnection,
    maxHeaderListSize: limits.headerBytes,
  },
})
