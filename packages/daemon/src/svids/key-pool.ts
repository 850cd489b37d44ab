import type { KeyObject } from 'node:crypto'
import type { NodeEntry } from '@lanyard/api'
import { generateKey } from '@lanyard/protocol/node'

type KeyPolicy = NodeEntry['key_policy']

/** How many RSA keys lie ready. */
const AHEAD = 4

/**
 * Makes keys, each for one use. RSA keys take tens to hundreds of milliseconds on a thread of their own, so some are made
 * ahead; those of P-256 take none.
 */
export class KeyPool {
  readonly #ahead: number
  readonly #ready: KeyObject[] = []
  #making: Promise<void> | null = null
  #stopped = false

  constructor(ahead = AHEAD) {
    this.#ahead = ahead
  }

  /** How many lie ready. */
  get size(): number {
    return this.#ready.length
  }

  /** Somebody will need keys of this policy soon. */
  prepare(policy: KeyPolicy): void {
    if (policy === 'rsa-only') this.#fill()
  }

  /** A key that nobody else gets: RSA-2048 for tenants that take nothing else, P-256 otherwise. */
  async take(policy: KeyPolicy): Promise<KeyObject> {
    if (policy === 'modern') return await generateKey('P-256')
    const ready = this.#ready.pop()
    this.#fill()
    return ready ?? (await generateKey('RSA', 2048))
  }

  stop(): void {
    this.#stopped = true
    this.#ready.length = 0
  }

  /** One after the other: the threads serve others as well. */
  #fill(): void {
    this.#making ??= this.#make().finally(() => {
      this.#making = null
    })
  }

  async #make(): Promise<void> {
    while (!this.#stopped && this.#ready.length < this.#ahead) {
      const key = await generateKey('RSA', 2048)
      if (!this.#stopped) this.#ready.push(key)
    }
  }
}
