import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

const generate = promisify(generateKeyPair)

/** Kinds of keys that an identity can make. A tenant with the policy `rsa-only` takes the RSA ones alone. */
export const KEY_TYPES = ['RSA-2048', 'RSA-3072', 'RSA-4096', 'P-256', 'P-384'] as const
export type IdentityKeyType = (typeof KEY_TYPES)[number]

const MAKERS: Readonly<Record<IdentityKeyType, () => Promise<{ privateKey: KeyObject }>>> = {
  'RSA-2048': () => generate('rsa', { modulusLength: 2048 }),
  'RSA-3072': () => generate('rsa', { modulusLength: 3072 }),
  'RSA-4096': () => generate('rsa', { modulusLength: 4096 }),
  'P-256': () => generate('ec', { namedCurve: 'P-256' }),
  'P-384': () => generate('ec', { namedCurve: 'P-384' }),
}

/**
 * Makes private keys, each for one use, in the thread pool: making an RSA key takes tens to hundreds of milliseconds,
 * which no request shall wait for.
 */
export class KeySource {
  readonly #make: () => Promise<{ privateKey: KeyObject }>
  #ready: Promise<KeyObject> | null = null

  /** @throws TypeError */
  constructor(type: IdentityKeyType) {
    const make = MAKERS[type]
    if (!Object.hasOwn(MAKERS, type)) throw new TypeError(`expected keyType as one of ${KEY_TYPES.join(', ')}`)
    this.#make = make
  }

  /** Begins to make the next key, unless one is there. */
  prepare(): void {
    if (this.#ready !== null) return
    this.#ready = this.#make().then(pair => pair.privateKey)
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
