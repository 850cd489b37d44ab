import type { Signer } from '@lanyard/protocol'

/** Keys that an authority can have. */
export const KEY_ALGORITHMS = ['P-256', 'P-384', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number]

/** What a key is for. A key made for one purpose cannot be opened for another. */
export const KEY_PURPOSES = [
  'x509-root',
  'x509-agents',
  'x509-service',
  'jwt-svid',
  'wit-svid',
  'agent-token',
  'events',
  'feed',
  'receipt',
] as const
export type KeyPurpose = (typeof KEY_PURPOSES)[number]

/**
 * Who can take the keys out of the data folder: nobody, since they end with the process (`memory`); whoever knows the
 * passphrase (`passphrase`); whoever can read the folder (`unsealed`).
 */
export type Protection = 'memory' | 'passphrase' | 'unsealed'

/** What the store remembers of a private key. */
export interface KeyReference {
  /** Hex of the subject key identifier. */
  readonly keyId: string
  readonly purpose: KeyPurpose
  readonly algorithm: KeyAlgorithm
  /** Whatever its manager needs to find the key again: here a wrapped key, elsewhere the name of a key in an HSM. */
  readonly handle: Uint8Array
}

/** A key that was just made, ready to sign. */
export interface NewKey extends KeyReference {
  readonly signer: Signer
}

/**
 * Where private keys live. No private key ever leaves a manager in the clear; callers receive signers.
 *
 * A key exists from `create` on, but only the store remembers it: the caller keeps the reference in the same
 * transaction as what it certifies. A key whose transaction failed is forgotten, or remains as an orphan in a manager
 * that stores keys itself. All methods may be called at the same time.
 */
export interface KeyManager {
  readonly protection: Protection
  create(purpose: KeyPurpose, algorithm: KeyAlgorithm): Promise<NewKey>
  /**
   * The signer of a key that this manager made, also in another process. Throws `keys_missing` when the key is not
   * there, or is not the one that the reference describes.
   */
  open(key: KeyReference): Promise<Signer>
  /** Ends a key that will sign no more. Ending it twice is no error. */
  destroy(key: KeyReference): Promise<void>
  /** 32 bytes for a purpose, the same in every process that can open these keys; for cursors, not for signatures. */
  deriveSecret(purpose: string): Uint8Array
}

/**
 * Opens a key, hands its signer to `use` and takes it back: a signer that was kept refuses to sign. For the root key,
 * which is needed for some milliseconds in several days.
 */
export async function withKey<T>(keys: KeyManager, key: KeyReference, use: (signer: Signer) => Promise<T>): Promise<T> {
  return await lend(await keys.open(key), use)
}

/** As {@link withKey}, for a key that was just made. */
export async function lend<T>(signer: Signer, use: (signer: Signer) => Promise<T>): Promise<T> {
  let lent: Signer | null = signer
  try {
    return await use({
      algorithm: signer.algorithm,
      spki: signer.spki,
      sign(data, format) {
        if (lent === null) throw new Error('this key was open for one signature only')
        return lent.sign(data, format)
      },
    })
  } finally {
    lent = null
  }
}
