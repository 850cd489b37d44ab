import { constants, createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { type SignatureAlgorithm, signatureAlgorithmFor } from '../algorithms.ts'
import type { Crypto, SignatureFormat, Signer } from '../ports.ts'
import { keyTypeOf, PublicKeyCache } from './key-cache.ts'

const CACHED_KEYS = 1024

/** {@link Crypto} by `node:crypto`, with a bounded cache of imported public keys. */
export const nodeCrypto: Crypto = createNodeCrypto(new PublicKeyCache(CACHED_KEYS))

function createNodeCrypto(keys: PublicKeyCache): Crypto {
  return {
    sha256: bytes => plain(createHash('sha256').update(bytes).digest()),
    verify(algorithm, spki, data, signature, format) {
      try {
        const { key, type, signatureLength } = keys.get(spki)
        // The key decides: an RSA key never verifies by what the message says of ECDSA.
        if (type === null || !algorithm.keys.includes(type)) return false
        // RFC 8017, 8.1.2 and RFC 7518, 3.4: exactly this long. OpenSSL takes a PSS signature without its leading zeros
        // too, which would be a second spelling of the same token.
        const fixedLength = type === 'RSA' || type === 'Ed25519' || format === 'raw'
        if (fixedLength && signature.length !== signatureLength) return false
        return verify(algorithm.hash, data, { key, ...options(algorithm, format) }, signature)
      } catch {
        return false
      }
    },
  }
}

function options(algorithm: SignatureAlgorithm, format: SignatureFormat) {
  switch (algorithm.padding) {
    case 'pkcs1':
      return { padding: constants.RSA_PKCS1_PADDING }
    case 'pss':
      // RFC 7518, 3.5 and RFC 8446, 4.2.3: the salt has the length of the hash, no other is accepted.
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    case null:
      return { dsaEncoding: format === 'raw' ? ('ieee-p1363' as const) : ('der' as const) }
    default:
      return algorithm.padding satisfies never
  }
}

/**
 * A signer with a private key in memory. Signs with the algorithm of the key's type unless another one is given that
 * suits it. Throws TypeError for a key or an algorithm that does not.
 */
export function nodeSigner(key: KeyObject, algorithm?: SignatureAlgorithm): Signer {
  const type = keyTypeOf(key)
  if (key.type !== 'private' || type === null) throw new TypeError('expected a private key of a supported type')
  const chosen = algorithm ?? signatureAlgorithmFor(type)
  if (!chosen.keys.includes(type)) throw new TypeError(`expected an algorithm for ${type}, got ${chosen.name}`)
  return {
    algorithm: chosen,
    spki: spkiOf(key),
    sign: (data, format) => plain(sign(chosen.hash, data, { key, ...options(chosen, format) })),
  }
}

/** The DER SubjectPublicKeyInfo of a public or private key. */
export function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return plain(publicKey.export({ format: 'der', type: 'spki' }))
}

/** The same bytes without the habits of Buffer, whose `slice` shares memory. */
const plain = (bytes: Buffer): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
