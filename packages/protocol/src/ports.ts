import type { SignatureAlgorithm } from './algorithms.ts'

/** How an ECDSA signature is written: X.509 uses a DER SEQUENCE of r and s, JOSE the two numbers side by side (RFC 7518, 3.4). */
export type SignatureFormat = 'der' | 'raw'

/**
 * The cryptographic operations that this package needs and does not do itself. `protocol/node` has one made of
 * `node:crypto`. An implementation must not throw on any input: a key or a signature that it cannot read is `false`.
 */
export interface Crypto {
  /** SHA-256 of `bytes`: 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /** Whether `signature` over `data` holds under `spki` (a DER SubjectPublicKeyInfo) and exactly this algorithm. */
  verify(
    algorithm: SignatureAlgorithm,
    spki: Uint8Array,
    data: Uint8Array,
    signature: Uint8Array,
    format: SignatureFormat,
  ): boolean
}

/** A private key that only signs. A remote key (KMS, HSM) answers later, a key in memory at once. */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  /** The DER SubjectPublicKeyInfo of the key. */
  readonly spki: Uint8Array
  sign(data: Uint8Array, format: SignatureFormat): Uint8Array | Promise<Uint8Array>
}
