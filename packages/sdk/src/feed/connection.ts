import { Link } from '../client/link.ts'
import { asIdentityError, IdentityError } from '../errors.ts'
import type { Svid } from '../identity/svid.ts'
import type { TimeSource } from '../time.ts'
import { paceOf } from './pace.ts'
import { Patience } from './patience.ts'

export interface FeedConnectionPorts {
  readonly url: URL
  readonly time: TimeSource
  /** The newest certificate. */
  readonly svid: () => Svid
  /** At least 0, below 1. */
  readonly random: () => number
  /** How long a new connection may be silent until its first line is there. */
  readonly patienceMs: number
  /** Where to go on; null: a snapshot comes first. */
  readonly since: () => { readonly epoch: number; readonly feedId: string } | null
  /** A connection was made; `gap`: there was none until now, and lines may be missing. */
  readonly opened: (link: Link, gap: boolean) => void
  /** Lines come over this one from now on, and over no other. */
  readonly taken: () => void
  /** There is no connection any more. */
  readonly lost: (error: IdentityError) => void
  /** Throws for a line that cannot be believed: then the connection ends. */
  readonly line: (text: string) => void
  /** An attempt, or a call, failed to which this certificate was shown. */
  readonly failed: (error: IdentityError, shown: object) => void
}

/**
 * Follows the feed over one connection, and makes another when it is lost. One that is replaced while it works, because it
 * was made with an older certificate or brings no news, serves until the first line of the next one is there.
 */
export class FeedConnection {
  readonly #ports: FeedConnectionPorts
  /** The one that lines come over. */
  #link: Link | null = null
  /** The one that may take its place. */
  #opening: AbortController | null = null
  #cancelWait: (() => void) | null = null
  #failures = 0
  #stopped = false
  /** When one was last begun, by the steady clock. */
  triedAt = Number.NEGATIVE_INFINITY

  constructor(ports: FeedConnectionPorts) {
    this.#ports = ports
  }

  /** The one that lines come over and requests may go over; null: none. */
  get link(): Link | null {
    return this.#link !== null && !this.#link.closed ? this.#link : null
  }

  /** Makes sure that there is a connection, or one under way; with `anew` it is replaced. */
  open(anew = false): void {
    if (this.#stopped || this.#opening !== null || this.#cancelWait !== null) return
    if (this.link === null || anew) void this.#open()
  }

  /** There is a new certificate: what was refused to an older one is asked for at once. */
  renewed(): void {
    this.#cancelWait?.()
    this.#cancelWait = null
    this.#failures = 0
    this.open(true)
  }

  /** Begins again: something is missing. */
  drop(): void {
    this.#link?.close()
  }

  stop(): void {
    this.#stopped = true
    this.#cancelWait?.()
    this.#opening?.abort(new IdentityError('identity_closed', 'the identity was closed'))
    this.#link?.close()
  }

  async #open(): Promise<void> {
    const { url, time, patienceMs } = this.#ports
    const svid = this.#ports.svid()
    this.triedAt = time.monotonic()
    const opening = new AbortController()
    this.#opening = opening
    const late = new IdentityError(
      'authority_unreachable',
      `expected the feed of ${url.host} to speak in ${patienceMs} ms`,
    )
    // A host that swallows packets must not cost the whole budget; a large snapshot may take its time on a slow line.
    const patience = new Patience(time, patienceMs, () => opening.abort(late))
    let failure: IdentityError | null = null
    try {
      const link = await Link.open({ url, time, svid, signal: opening.signal })
      await this.#begin(link, opening.signal, patience)
      this.#failures = 0
    } catch (error) {
      failure = asIdentityError(error)
    } finally {
      patience.end()
      this.#opening = null
    }
    if (failure !== null) this.#retry(failure, svid)
    // The one that was taken may be gone again already.
    else this.open()
  }

  /** Follows the feed over a new connection, until its first line. */
  #begin(link: Link, signal: AbortSignal, patience: Patience): Promise<void> {
    this.#ports.opened(link, this.link === null)
    const since = this.#ports.since()
    const from = since === null ? '' : `?since=${since.epoch}&feed_id=${encodeURIComponent(since.feedId)}`
    return new Promise((resolve, reject) => {
      const end = (error: IdentityError) => {
        link.close()
        reject(error)
        this.#lost(link, error)
      }
      const late = () => end(signal.reason)
      signal.addEventListener('abort', late, { once: true })
      link.onClose(() => end(new IdentityError('authority_unreachable', 'the connection of the feed ended')))
      link.onLeaving(() => this.open(true))
      const line = (text: string) => {
        if (this.#stopped || link.closed) return
        signal.removeEventListener('abort', late)
        this.#take(link)
        resolve()
        this.#line(text, end)
      }
      const heard = () => this.#link === link || patience.again()
      link.follow(`/v1/feed${from}`, { line, heard, ended: end })
    })
  }

  #line(text: string, end: (error: IdentityError) => void): void {
    try {
      this.#ports.line(text)
    } catch (error) {
      end(asIdentityError(error))
    }
  }

  #take(link: Link): void {
    if (this.#link === link) return
    const before = this.#link
    this.#link = link
    before?.close()
    this.#ports.taken()
  }

  #lost(link: Link, error: IdentityError): void {
    if (this.#link !== link) return
    this.#link = null
    if (!this.#stopped) this.#ports.lost(error)
    if (this.#opening === null) this.#retry(error, link.svid)
  }

  #retry(error: IdentityError, shown: object): void {
    if (this.#stopped || this.#cancelWait !== null) return
    this.#ports.failed(error, shown)
    this.#failures++
    const wait = Math.max(paceOf(this.#failures, this.#ports.random), Math.min(error.retryAfter ?? 0, MOST_PATIENT_MS))
    this.#cancelWait = this.#ports.time.after(wait, () => {
      this.#cancelWait = null
      this.open()
    })
  }
}

/** Of a pause that the authority asks for: without news guarded calls are refused. */
const MOST_PATIENT_MS = 5_000
