import { type KeyType, SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../algorithms.ts'

const A = SIGNATURE_ALGORITHMS

// RFC 7518, 3.4: a name of JOSE ties ECDSA to one curve, where X.509 leaves the curve to the key.
const BY_KEY_TYPE: Readonly<Record<KeyType, readonly SignatureAlgorithm[]>> = {
  RSA: [
    A['RSA-SHA256'],
    A['RSA-SHA384'],
    A['RSA-SHA512'],
    A['RSA-PSS-SHA256'],
    A['RSA-PSS-SHA384'],
    A['RSA-PSS-SHA512'],
  ],
  'P-256': [A['ECDSA-SHA256']],
  'P-384': [A['ECDSA-SHA384']],
  'P-521': [A['ECDSA-SHA512']],
  Ed25519: [A.Ed25519],
}

/** All algorithms that a token may be signed with: asymmetric ones only, so that `none` and HS256 do not exist. */
export const JOSE_ALGORITHMS: readonly SignatureAlgorithm[] = Object.values(BY_KEY_TYPE).flat()

/** The algorithms of JOSE that a key of this type can sign with. */
export const joseAlgorithmsFor = (type: KeyType): readonly SignatureAlgorithm[] => BY_KEY_TYPE[type]
