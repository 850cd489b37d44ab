import type { LanyardError } from '@lanyard/api'
import { IdentityError, type Link, paceOf } from '@lanyard/sdk/authority'
import type { Time } from '../ports.ts'
import { asLanyardError } from './codes.ts'

/** The authority speaks each second; a connection that is silent for so long is replaced. */
export const SILENCE_MS = 5_000
/** How long a new connection may take, its first line included. */
const OPENING_MS = 5_000
/** After a refusal of the node there is no hurry. */
const REFUSED_MS = 10_000

export type AuthorityLink = Pick<Link, 'call' | 'follow' | 'close' | 'closed' | 'onClose' | 'onLeaving'>

export interface ConnectionPorts {
  readonly time: Time
  /** At least 0, below 1. */
  readonly random: () => number
  /** Makes a connection with the newest certificate. */
  readonly connect: (signal: AbortSignal) => Promise<AuthorityLink>
  /** What to follow on a new connection, and who takes the lines; a line that throws ends the connection. */
  readonly streams: () => readonly { readonly path: string; readonly line: (text: string) => void }[]
  /** The first line came over a connection, and no line of an older one comes any more. */
  readonly opened: () => void
  /** There is no connection any more. */
  readonly lost: (error: LanyardError) => void
  /** A connection could not be made, or the authority ended it by a refusal. */
  readonly failed: (error: LanyardError) => void
}

/**
 * One connection to the authority, over which changes and feed come and requests go; another is made when it is lost. One
 * that is replaced while it works serves until the first line of the next one is there.
 */
export class Connection {
  readonly #ports: ConnectionPorts
  #link: AuthorityLink | null = null
  #opening: AbortController | null = null
  #cancelWait: (() => void) | null = null
  #cancelWatch = () => {}
  #failures = 0
  /** When a line came last, by the steady clock. */
  #heardAt = Number.NEGATIVE_INFINITY
  #stopped = false
  #again = false
  #lostEarly: unknown = null

  constructor(ports: ConnectionPorts) {
    this.#ports = ports
  }

  get connected(): boolean {
    return this.#link !== null && !this.#link.closed
  }

  start(): void {
    this.open()
    this.#watch()
  }

  /** Makes sure that there is a connection, or one under way; with `anew` it is replaced. */
  open(anew = false): void {
    if (this.#stopped) return
    if (this.#opening !== null) {
      this.#again ||= anew
      return
    }
    if (this.connected && !anew) return
    this.#cancelWait?.()
    this.#cancelWait = null
    void this.#open()
  }

  /**
   * Asks once.
   *
   * @throws IdentityError `authority_unreachable`, and the codes of the authority
   */
  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> {
    if (this.#link === null || this.#link.closed)
      throw new IdentityError('authority_unreachable', 'there is no connection to the authority at present')
    return await this.#link.call(method, path, body)
  }

  stop(): void {
    this.#stopped = true
    this.#cancelWait?.()
    this.#cancelWatch()
    this.#opening?.abort()
    this.#link?.close()
  }

  async #open(): Promise<void> {
    const { time, connect } = this.#ports
    const opening = new AbortController()
    this.#opening = opening
    const late = new IdentityError('authority_unreachable', `expected the authority to speak within ${OPENING_MS} ms`)
    const cancel = time.after(OPENING_MS, () => opening.abort(late))
    let failure: unknown = null
    this.#lostEarly = null
    try {
      await this.#begin(await connect(opening.signal), opening.signal)
      // The one that was taken may be gone again already, as when its first line was its last.
      failure = this.#lostEarly
      if (failure === null) this.#failures = 0
    } catch (error) {
      failure = error
    } finally {
      cancel()
      this.#opening = null
    }
    if (this.#stopped) return
    if (failure !== null) return this.#retry(asLanyardError(failure))
    const anew = this.#again
    this.#again = false
    this.open(anew)
  }

  /** Follows all streams over a new connection, until the first line. */
  #begin(link: AuthorityLink, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error: unknown) => {
        // First, since closing says that it ended, and no more.
        this.#lost(link, error)
        reject(error)
        link.close()
      }
      if (signal.aborted) return end(signal.reason)
      const late = () => end(signal.reason)
      signal.addEventListener('abort', late, { once: true })
      link.onClose(() => end(new IdentityError('authority_unreachable', 'the connection to the authority ended')))
      link.onLeaving(() => this.open(true))
      for (const { path, line } of this.#ports.streams()) {
        const take = (text: string) => {
          if (this.#stopped || link.closed) return
          signal.removeEventListener('abort', late)
          this.#take(link)
          resolve()
          try {
            line(text)
          } catch (error) {
            end(error)
          }
        }
        link.follow(path, { encoding: 'utf8', line: take, heard: () => this.#heard(link), ended: end })
      }
    })
  }

  #take(link: AuthorityLink): void {
    this.#heardAt = this.#ports.time.monotonic()
    if (this.#link === link) return
    const before = this.#link
    this.#link = link
    before?.close()
    this.#ports.opened()
  }

  #heard(link: AuthorityLink): void {
    if (this.#link === link) this.#heardAt = this.#ports.time.monotonic()
  }

  #lost(link: AuthorityLink, error: unknown): void {
    if (this.#link !== link) return
    this.#link = null
    if (this.#stopped) return
    this.#ports.lost(asLanyardError(error))
    if (this.#opening === null) this.#retry(asLanyardError(error))
    else this.#lostEarly = error
  }

  #retry(error: LanyardError): void {
    if (this.#stopped || this.#cancelWait !== null) return
    this.#failures++
    this.#ports.failed(error)
    const refused = error.code.startsWith('node_')
    const wait = refused ? REFUSED_MS : paceOf(this.#failures, this.#ports.random)
    this.#cancelWait = this.#ports.time.after(wait, () => {
      this.#cancelWait = null
      this.open()
    })
  }

  /** A machine that went away tells nobody: only its silence does. */
  #watch(): void {
    const { time } = this.#ports
    this.#cancelWatch = time.after(SILENCE_MS / 5, () => {
      if (this.connected && time.monotonic() - this.#heardAt > SILENCE_MS) this.open(true)
      this.#watch()
    })
  }
}
