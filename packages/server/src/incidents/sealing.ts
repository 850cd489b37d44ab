import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { LanyardError } from '@lanyard/api'

const CIPHER = 'aes-256-gcm'
const VERSION = 1
const NONCE = 12
const TAG = 16

/** What is sealed: what a kill's caller sent, or the snapshot that was made of it. */
export type SealedKind = 'evidence' | 'snapshot'

/**
 * Evidence under a key of its own, the same on every instance. Nonces are random (NIST SP 800-38D, 8.2.2): an authority
 * has some thousands of incidents in its life, not 2^32.
 */
export class Sealing {
  readonly #key: Uint8Array
  readonly #trustDomain: string

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array, trustDomain: string) {
    this.#key = key
    this.#trustDomain = trustDomain
  }

  /** Version, nonce, ciphertext, tag; bound to the incident. */
  seal(incident: string, kind: SealedKind, value: unknown): Buffer {
    const nonce = randomBytes(NONCE)
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG })
    cipher.setAAD(this.#bound(incident, kind))
    const text = cipher.update(JSON.stringify(value), 'utf8')
    return Buffer.concat([Buffer.of(VERSION), nonce, text, cipher.final(), cipher.getAuthTag()])
  }

  /** Undoes {@link seal}. Throws `store_damaged` for bytes that are not of this incident and kind, or of another key. */
  open(incident: string, kind: SealedKind, sealed: Uint8Array): unknown {
    const damaged = () =>
      new LanyardError('store_damaged', `the ${kind} of incident ${incident} does not open with the key of this store`)
    if (sealed[0] !== VERSION || sealed.length <= 1 + NONCE + TAG) throw damaged()
    const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(1, 1 + NONCE), { authTagLength: TAG })
    decipher.setAAD(this.#bound(incident, kind))
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG))
    try {
      const text = decipher.update(sealed.subarray(1 + NONCE, sealed.length - TAG))
      return JSON.parse(Buffer.concat([text, decipher.final()]).toString('utf8'))
    } catch {
      throw damaged()
    }
  }

  #bound(incident: string, kind: SealedKind): Buffer {
    return Buffer.from(JSON.stringify([kind, this.#trustDomain, incident]))
  }
}
