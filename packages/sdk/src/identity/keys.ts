import type { KeyObject } from 'node:crypto'
import { generateKey } from '@lanyard/protocol/node'

/** Kinds of keys that an identity can make. A tenant with the policy `rsa-only` takes the RSA ones alone. */
export const KEY_TYPES = ['RSA-2048', 'RSA-3072', 'RSA-4096', 'P-256', 'P-384'] as const
export type IdentityKeyType = (typeof KEY_TYPES)[number]

const MAKERS: Readonly<Record<IdentityKeyType, () => Promise<KeyObject>>> = {
  'RSA-2048': () => generateKey('RSA', 2048),
  'RSA-3072': () => generateKey('RSA', 3072),
  'RSA-4096': () => generateKey('RSA', 4096),
  'P-256': () => generateKey('P-256'),
  'P-384': () => generateKey('P-384'),
}

/**
 * Makes private keys, each for one use, in the thread pool: making an RSA key takes tens to hundreds of milliseconds,
 * which no request shall wait for.
 */
export class KeySource {
  readonly #make: () => Promise<KeyObject>
  #ready: Promise<KeyObject> | null = null

  constructor(type: IdentityKeyType) {
    this.#make = MAKERS[type]
  }

  /** Begins to make the next key, unless one is there. */
  prepare(): void {
    if (this.#ready !== null) return
    this.#ready = this.#make()
    // Whoever takes it will see the error; until then it is not an unhandled one.
    this.#ready.catch(() => {})
  }

  /** A key that nobody else gets. */
  take(): Promise<KeyObject> {
    this.prepare()
    const key = this.#ready!
    this.#ready = null
    return key
  }
}
