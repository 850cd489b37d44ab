import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { HttpLimits } from './ports.ts'
import { TokenBucket } from './token-bucket.ts'

export type SessionLimits = Pick<
  HttpLimits,
  'header_timeout_ms' | 'body_timeout_ms' | 'idle_timeout_ms' | 'http2_resets_per_sec'
>

/**
 * Watches one HTTP/2 session. Node watches header lists and streams; time and abandoned work it leaves to us: a session
 * may stay without a stream for a while only, a stream may last for a while only, and who opens streams to abandon them
 * (rapid reset, CVE-2023-44487; replies never read) loses the session.
 */
export class SessionGuard {
  readonly #session: ServerHttp2Session
  readonly #limits: SessionLimits
  readonly #now: () => number
  readonly #abandoned: TokenBucket
  /** Open streams with the time of their opening, oldest first. */
  readonly #streams = new Map<ServerHttp2Stream, number>()
  /** Streams whose replies have no end. */
  readonly #endless = new Set<ServerHttp2Stream>()
  #idleSince: number
  #served = false

  constructor(session: ServerHttp2Session, limits: SessionLimits, now: () => number) {
    this.#session = session
    this.#limits = limits
    this.#now = now
    this.#idleSince = now()
    this.#abandoned = new TokenBucket(limits.http2_resets_per_sec, limits.http2_resets_per_sec, now())
    session.on('stream', stream => this.#opened(stream))
  }

  /** The reply of this stream has no end: neither its age nor the silence of others ends it. */
  exempt(stream: ServerHttp2Stream): void {
    if (this.#streams.delete(stream)) this.#endless.add(stream)
  }

  /** Ends the session if it or one of its streams has lasted too long. */
  sweep(): void {
    const now = this.#now()
    const [oldest] = this.#streams.values()
    if (oldest !== undefined) {
      const { header_timeout_ms, body_timeout_ms, idle_timeout_ms } = this.#limits
      if (now - oldest > header_timeout_ms + body_timeout_ms + idle_timeout_ms) this.#session.destroy()
      return
    }
    if (this.#endless.size > 0) return
    const patience = this.#served ? this.#limits.idle_timeout_ms : this.#limits.header_timeout_ms
    if (now - this.#idleSince <= patience) return
    // Says goodbye first; whoever does not answer it is cut at the next sweep.
    if (this.#session.closed) this.#session.destroy()
    else this.#session.close()
  }

  #opened(stream: ServerHttp2Stream): void {
    this.#served = true
    this.#streams.set(stream, this.#now())
    // Without a listener, what one stream suffers would end the process.
    stream.on('error', () => {})
    stream.once('close', () => this.#closed(stream))
  }

  #closed(stream: ServerHttp2Stream): void {
    this.#streams.delete(stream)
    this.#endless.delete(stream)
    this.#idleSince = this.#now()
    const abandoned = !stream.writableFinished
    if (!abandoned || this.#session.destroyed || this.#abandoned.take(this.#idleSince) === 0) return
    this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
}
