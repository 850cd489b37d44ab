import { createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'

/**
 * The secret above all stored keys: made of the passphrase, or lying beside the data. What is used is derived from it,
 * so that no two uses share a key. Node shows a KeyObject as `SecretKeyObject {}`, so a careless log line tells nothing.
 */
export class MasterKey {
  readonly #key: KeyObject

  /** From 32 bytes, which are wiped. */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== 32) throw new TypeError(`a master key has 32 bytes, got ${bytes.length}`)
    this.#key = createSecretKey(bytes)
    bytes.fill(0)
  }

  /** 32 bytes for one use. RFC 5869, with the use as `info`. */
  derive(use: string): Uint8Array {
    return new Uint8Array(hkdfSync('sha256', this.#key, new Uint8Array(), `lanyard 1 ${use}`, 32))
  }

  /** What a store keeps to recognise its master key. It tells no more than a wrapped key does: guesses can be tried on it. */
  checkValue(): Uint8Array {
    return this.derive('check')
  }

  matches(checkValue: Uint8Array): boolean {
    const own = this.checkValue()
    return own.length === checkValue.length && timingSafeEqual(own, checkValue)
  }
}
