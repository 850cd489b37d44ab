import { LanyardError } from '@lanyard/api'
import { BoundedMap } from '@lanyard/protocol'
import type { AuthorityClock } from '../authority/clock.ts'
import { asLanyardError, isFinal } from '../authority/codes.ts'
import type { Meter } from '../ports.ts'

/** Something with an end, which the authority gives. Times are Unix milliseconds of the authority. */
export interface Perishable {
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface TokenCachePorts<T extends Perishable> {
  readonly clock: AuthorityClock
  readonly meter: Meter
  /** Throws the codes of the authority. */
  readonly fetch: (key: string) => Promise<T>
  /** Whether it was not taken away meanwhile. */
  readonly lives: (token: T) => boolean
}

/** Most tokens held: whoever asks for ever new audiences pushes out the oldest. */
const MOST = 10_000

/**
 * Keeps tokens by a key, and gets the next one from half of their life on: whoever asks then gets the new one, or the old
 * one where the authority cannot answer.
 */
export class TokenCache<T extends Perishable> {
  readonly #ports: TokenCachePorts<T>
  readonly #held = new BoundedMap<string, T>(MOST)
  readonly #fetching = new Map<string, Promise<T>>()

  constructor(ports: TokenCachePorts<T>) {
    this.#ports = ports
  }

  get size(): number {
    return this.#held.size
  }

  /** Throws LanyardError. */
  async get(key: string): Promise<T> {
    const { clock, meter, lives } = this.#ports
    const held = this.#held.get(key)
    const now = clock.now()
    const good = held !== undefined && lives(held) && now < held.expiresAt ? held : undefined
    if (good !== undefined && now < (good.issuedAt + good.expiresAt) / 2) {
      meter.count('tokens', { from: 'memory' })
      return good
    }
    try {
      const fresh = await this.#fetch(key)
      // It was under way while a death was heard, or its entry became another's.
      if (!lives(fresh)) throw new LanyardError('no_identity', 'no identity issued: it was taken away meanwhile')
      meter.count('tokens', { from: 'authority' })
      return fresh
    } catch (error) {
      const failure: LanyardError = asLanyardError(error)
      if (isFinal(failure)) this.#held.delete(key)
      if (isFinal(failure) || good === undefined || !lives(good)) throw failure
      meter.count('tokens', { from: 'memory' })
      return good
    }
  }

  /** Lets go of those of which this says so. */
  drop(gone: (key: string, token: T) => boolean): void {
    for (const [key, token] of this.#held) if (gone(key, token)) this.#held.delete(key)
  }

  #fetch(key: string): Promise<T> {
    let fetching = this.#fetching.get(key)
    if (fetching === undefined) {
      fetching = this.#ports.fetch(key).then(token => this.#keep(key, token))
      this.#fetching.set(key, fetching)
      const done = () => this.#fetching.delete(key)
      fetching.then(done, done)
    }
    return fetching
  }

  #keep(key: string, token: T): T {
    this.#held.set(key, token)
    return token
  }
}
