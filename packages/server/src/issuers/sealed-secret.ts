import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { LanyardError } from '@lanyard/api'

const CIPHER = 'aes-256-gcm'
const VERSION = 1
const NONCE = 12
const TAG = 16

/**
 * The secret of an introspection client as it is stored: version, nonce, ciphertext, tag; bound to its issuer. Nonces
 * are random (NIST SP 800-38D, 8.2.2): there are some hundred issuers, not 2^32.
 */
export function sealSecret(secret: string, issuer: string, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG })
  cipher.setAAD(boundTo(issuer))
  const text = cipher.update(secret, 'utf8')
  return Buffer.concat([Buffer.of(VERSION), nonce, text, cipher.final(), cipher.getAuthTag()])
}

/** Undoes {@link sealSecret}. Throws `store_damaged` for bytes that are not of this issuer, or of another key. */
export function openSecret(sealed: Uint8Array, issuer: string, key: Uint8Array): string {
  const damaged = () => new LanyardError('store_damaged', `the client secret of issuer ${issuer} does not open`)
  if (sealed[0] !== VERSION || sealed.length <= 1 + NONCE + TAG) throw damaged()
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(1, 1 + NONCE), { authTagLength: TAG })
  decipher.setAAD(boundTo(issuer))
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG))
  try {
    const text = decipher.update(sealed.subarray(1 + NONCE, sealed.length - TAG))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    throw damaged()
  }
}

const boundTo = (issuer: string) => Buffer.from(JSON.stringify(['introspection-secret', issuer]))
