import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type KeyType, SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../algorithms.ts'
import { nodeSigner } from '../node/crypto.ts'
import type { Signer } from '../ports.ts'
import type { VerifyKey } from './jws.ts'

/** Keys and tokens for tests. What is crafted here goes around our own signing code on purpose. */
export interface TestKey {
  readonly type: KeyType
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly spki: Uint8Array
  signer(algorithm?: SignatureAlgorithm): Signer
  verifyKey(algorithm?: SignatureAlgorithm): VerifyKey
}

const made = new Map<string, TestKey>()

/** A key of this type: the same one for the same name, since making RSA keys is slow. */
export function testKey(type: KeyType, name = 'first'): TestKey {
  const known = made.get(`${type} ${name}`)
  if (known !== undefined) return known
  const { privateKey, publicKey } = generate(type)
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
  const own = nodeSigner(privateKey)
  const key: TestKey = {
    type,
    privateKey,
    publicKey,
    spki,
    signer: (algorithm = own.algorithm) => ({
      algorithm,
      spki,
      sign: data => new Uint8Array(rawSignature(algorithm, privateKey, data)),
    }),
    verifyKey: (algorithm = own.algorithm) => ({ algorithm, spki }),
  }
  made.set(`${type} ${name}`, key)
  return key
}

function generate(type: KeyType): { privateKey: KeyObject; publicKey: KeyObject } {
  if (type === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  if (type === 'Ed25519') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('ec', { namedCurve: type })
}

const PSS = { padding: 6, saltLength: -1 } // RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST

/** A signature as JOSE writes it, by node:crypto alone. */
export function rawSignature({ hash, padding }: SignatureAlgorithm, key: KeyObject, data: Uint8Array): Buffer {
  return sign(hash, data, { key, dsaEncoding: 'ieee-p1363', ...(padding === 'pss' ? PSS : {}) })
}

export const base64Url = (value: string | Uint8Array): string => Buffer.from(value as string).toString('base64url')

/** A token with any header and any payload, signed over exactly these texts or bytes. */
export function craft(header: unknown, payload: unknown, key: TestKey, algorithm?: SignatureAlgorithm): string {
  const raw = (part: unknown) => typeof part === 'string' || part instanceof Uint8Array
  const text = (part: unknown) => base64Url(raw(part) ? (part as string) : JSON.stringify(part))
  const input = `${text(header)}.${text(payload)}`
  return `${input}.${base64Url(rawSignature(algorithm ?? key.signer().algorithm, key.privateKey, Buffer.from(input)))}`
}

export const ALGORITHMS = SIGNATURE_ALGORITHMS
