import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import type { KeyPurpose } from './key-manager.ts'

const CIPHER = 'aes-256-gcm'
const VERSION = 1
const NONCE = 12
const TAG = 16

/** What a wrapped key is bound to: whoever swaps two rows of the store gets neither key. */
export interface WrapContext {
  readonly keyId: string
  readonly purpose: KeyPurpose
  readonly trustDomain: string
}

/**
 * A private key under a wrapping key: version, nonce, ciphertext, tag. Nonces are random: 2^32 keys may be wrapped
 * under one wrapping key (NIST SP 800-38D, 8.3), and an authority makes some hundreds in a year.
 */
export function wrap(wrappingKey: Uint8Array, secret: Uint8Array, context: WrapContext): Uint8Array {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv(CIPHER, wrappingKey, nonce, { authTagLength: TAG })
  cipher.setAAD(associatedData(context))
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
}

/** Undoes {@link wrap}. Throws `keys_missing` when the bytes are not that key, of that purpose, of that trust domain. */
export function unwrap(wrappingKey: Uint8Array, wrapped: Uint8Array, context: WrapContext): Buffer {
  if (wrapped[0] !== VERSION || wrapped.length <= 1 + NONCE + TAG) throw notTheKey(context)
  const nonce = wrapped.subarray(1, 1 + NONCE)
  const decipher = createDecipheriv(CIPHER, wrappingKey, nonce, { authTagLength: TAG })
  decipher.setAAD(associatedData(context))
  decipher.setAuthTag(wrapped.subarray(wrapped.length - TAG))
  try {
    return Buffer.concat([decipher.update(wrapped.subarray(1 + NONCE, wrapped.length - TAG)), decipher.final()])
  } catch {
    throw notTheKey(context)
  }
}

// Each part behind its length, so that no two contexts have the same bytes.
function associatedData({ keyId, purpose, trustDomain }: WrapContext): Buffer {
  return Buffer.concat(
    [keyId, purpose, trustDomain].flatMap(part => {
      const bytes = Buffer.from(part)
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return [length, bytes]
    }),
  )
}

function notTheKey({ keyId, purpose, trustDomain }: WrapContext): LanyardError {
  return new LanyardError(
    'keys_missing',
    `expected the wrapped ${purpose} key ${keyId} of ${trustDomain}; what the store holds in its place does not open`,
  )
}
