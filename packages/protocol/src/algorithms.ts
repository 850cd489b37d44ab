/** Kinds of public keys, by the OID of their SubjectPublicKeyInfo and, for elliptic curves, its named curve. */
export type KeyType = 'RSA' | 'P-256' | 'P-384' | 'P-521' | 'Ed25519'

/** One row of {@link SIGNATURE_ALGORITHMS}. The rest of the code receives the row and compares rows, never names. */
export interface SignatureAlgorithm {
  readonly name: SignatureAlgorithmName
  /** Key types that may make this signature. */
  readonly keys: readonly KeyType[]
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  readonly padding: 'pkcs1' | 'pss' | null
  /** The JOSE `alg` (RFC 7518, RFC 8037), where there is one. */
  readonly jose: string | null
}

export type SignatureAlgorithmName =
  | 'RSA-SHA256'
  | 'RSA-SHA384'
  | 'RSA-SHA512'
  | 'RSA-PSS-SHA256'
  | 'RSA-PSS-SHA384'
  | 'RSA-PSS-SHA512'
  | 'ECDSA-SHA256'
  | 'ECDSA-SHA384'
  | 'ECDSA-SHA512'
  | 'Ed25519'
