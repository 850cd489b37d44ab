import { createPublicKey, type KeyObject } from 'node:crypto'
import type { KeyType } from '../algorithms.ts'
import { BoundedMap } from '../bounded-map.ts'

/** A public key that OpenSSL has read and checked. */
export interface ImportedKey {
  readonly key: KeyObject
  /** Null for a key that nothing is verified with. */
  readonly type: KeyType | null
  /** Octets of a signature: of RSA and Ed25519 in any format, of ECDSA as two numbers side by side. */
  readonly signatureLength: number
}

/** The key type of a public or private key; null when it is none of ours, such as RSASSA-PSS or P-192. */
export function keyTypeOf(key: KeyObject): KeyType | null {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return 'RSA'
    case 'ec':
      return CURVE_TYPES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? null
    case 'ed25519':
      return 'Ed25519'
    default:
      return null
  }
}

// As OpenSSL calls them.
const CURVE_TYPES: Readonly<Record<string, KeyType>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

/**
 * Public keys by the bytes of their SubjectPublicKeyInfo, the least recently used leave first: to import a key costs more
 * than to verify with it, and most come again. Strangers can only push out what nobody has used for a while.
 */
export class PublicKeyCache {
  readonly #keys: BoundedMap<string, ImportedKey>

  constructor(size: number) {
    this.#keys = new BoundedMap(size)
  }

  /** Throws what OpenSSL says of bytes that it cannot read, or of a point that is not on its curve. */
  get(spki: Uint8Array): ImportedKey {
    const name = Buffer.from(spki.buffer, spki.byteOffset, spki.byteLength).toString('latin1')
    const imported = this.#keys.get(name) ?? importKey(spki)
    this.#keys.set(name, imported)
    return imported
  }
}

function importKey(spki: Uint8Array): ImportedKey {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  const type = keyTypeOf(key)
  return { key, type, signatureLength: type === null ? 0 : signatureLength(type, key) }
}

function signatureLength(type: KeyType, key: KeyObject): number {
  switch (type) {
    case 'RSA':
      return Math.ceil(key.asymmetricKeyDetails!.modulusLength! / 8)
    case 'P-256':
    case 'Ed25519':
      return 64
    case 'P-384':
      return 96
    case 'P-521':
      return 132
    default:
      return type satisfies never
  }
}
