import type { Crypto } from '@lanyard/protocol'

interface Held {
  readonly algorithm: unknown
  readonly spki: Uint8Array
  readonly signature: Uint8Array
}

/**
 * The same operations, which remember a signature that held: that of our intermediate comes with every client
 * certificate. Remembered by the very objects, as they stand in a {@link Certificate}, which nobody changes; the same
 * bytes in another object are verified again.
 */
export function rememberSignatures(crypto: Crypto): Crypto {
  const held = new WeakMap<Uint8Array, Held>()
  return {
    sha256: bytes => crypto.sha256(bytes),
    verify(algorithm, spki, data, signature, format) {
      const known = held.get(data)
      if (known?.algorithm === algorithm && known.spki === spki && known.signature === signature) return true
      const holds = crypto.verify(algorithm, spki, data, signature, format)
      if (holds) held.set(data, { algorithm, spki, signature })
      return holds
    },
  }
}
