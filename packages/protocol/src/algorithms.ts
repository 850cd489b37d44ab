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

const RSA: readonly KeyType[] = ['RSA']
const EC: readonly KeyType[] = ['P-256', 'P-384', 'P-521']

/** Every signature that this package makes or verifies. What is not in here does not exist: no SHA-1, no `none`. */
export const SIGNATURE_ALGORITHMS = {
  'RSA-SHA256': { name: 'RSA-SHA256', keys: RSA, hash: 'sha256', padding: 'pkcs1', jose: 'RS256' },
  'RSA-SHA384': { name: 'RSA-SHA384', keys: RSA, hash: 'sha384', padding: 'pkcs1', jose: 'RS384' },
  'RSA-SHA512': { name: 'RSA-SHA512', keys: RSA, hash: 'sha512', padding: 'pkcs1', jose: 'RS512' },
  'RSA-PSS-SHA256': { name: 'RSA-PSS-SHA256', keys: RSA, hash: 'sha256', padding: 'pss', jose: 'PS256' },
  'RSA-PSS-SHA384': { name: 'RSA-PSS-SHA384', keys: RSA, hash: 'sha384', padding: 'pss', jose: 'PS384' },
  'RSA-PSS-SHA512': { name: 'RSA-PSS-SHA512', keys: RSA, hash: 'sha512', padding: 'pss', jose: 'PS512' },
  // X.509 leaves the curve open (RFC 5758, 3.2), JOSE does not (RFC 7518, 3.4): keys of JOSE are pinned to their row.
  'ECDSA-SHA256': { name: 'ECDSA-SHA256', keys: EC, hash: 'sha256', padding: null, jose: 'ES256' },
  'ECDSA-SHA384': { name: 'ECDSA-SHA384', keys: EC, hash: 'sha384', padding: null, jose: 'ES384' },
  'ECDSA-SHA512': { name: 'ECDSA-SHA512', keys: EC, hash: 'sha512', padding: null, jose: 'ES512' },
  Ed25519: { name: 'Ed25519', keys: ['Ed25519'], hash: null, padding: null, jose: 'EdDSA' },
} as const satisfies Record<SignatureAlgorithmName, SignatureAlgorithm>

const SIGNS_WITH: Readonly<Record<KeyType, SignatureAlgorithm>> = {
  RSA: SIGNATURE_ALGORITHMS['RSA-SHA256'],
  'P-256': SIGNATURE_ALGORITHMS['ECDSA-SHA256'],
  'P-384': SIGNATURE_ALGORITHMS['ECDSA-SHA384'],
  'P-521': SIGNATURE_ALGORITHMS['ECDSA-SHA512'],
  Ed25519: SIGNATURE_ALGORITHMS.Ed25519,
}

/** The algorithm that a key of this type signs with when we choose. */
export const signatureAlgorithmFor = (keyType: KeyType): SignatureAlgorithm => SIGNS_WITH[keyType]
