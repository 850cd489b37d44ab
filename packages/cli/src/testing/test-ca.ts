import { createHash, type KeyObject, randomBytes } from 'node:crypto'
import {
  authorityKeyId,
  basicConstraints,
  Certificate,
  EMPTY_NAME,
  encodeName,
  encodePem,
  extendedKeyUsage,
  type GeneralNamesInput,
  keyIdentifier,
  keyUsage,
  parsePublicKey,
  signCertificate,
  subjectAltName,
  subjectKeyId,
} from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'

export interface LeafWish {
  readonly names?: GeneralNamesInput
  /** Unix seconds. */
  readonly notBefore?: number
  readonly notAfter?: number
  readonly purposes?: readonly ('serverAuth' | 'clientAuth')[]
}

export interface Leaf {
  readonly der: Uint8Array
  readonly pem: string
  /** PKCS#8 in PEM. */
  readonly key: string
}

const HOUR = 3600
const now = () => Math.floor(Date.now() / 1000)

/** A certificate authority for tests: a root, one intermediate, and leaves as asked for. */
export class TestCa {
  readonly root: Certificate
  readonly intermediate: Certificate
  readonly #issuerKey: KeyObject

  constructor(name = 'Test') {
    const rootKey = generateKeyNow('P-256')
    this.#issuerKey = generateKeyNow('P-256')
    this.root = signCa(`${name} root`, rootKey, null, rootKey)
    this.intermediate = signCa(`${name} issuer`, rootKey, this.root, this.#issuerKey)
  }

  get rootPem(): string {
    return pem(this.root.der)
  }

  get intermediatePem(): string {
    return pem(this.intermediate.der)
  }

  get rootSha256(): string {
    return createHash('sha256').update(this.root.der).digest('hex')
  }

  leaf({ names = {}, notBefore = now() - HOUR, notAfter = now() + HOUR, purposes }: LeafWish = {}): Leaf {
    const key = generateKeyNow('P-256')
    const extensions = [
      keyUsage(['digitalSignature']),
      extendedKeyUsage(purposes ?? ['serverAuth', 'clientAuth']),
      subjectAltName(names, true),
      authorityKeyId(keyIdOf(this.#issuerKey)),
    ]
    const issuer = this.intermediate.subject.der
    const input = { serial: serial(), issuer, subject: EMPTY_NAME, notBefore, notAfter, spki: spkiOf(key), extensions }
    const der = signCertificate(input, nodeSigner(this.#issuerKey)) as Uint8Array
    return { der, pem: pem(der), key: key.export({ type: 'pkcs8', format: 'pem' }) as string }
  }
}

function signCa(name: string, signingKey: KeyObject, issuer: Certificate | null, key: KeyObject): Certificate {
  const subject = encodeName([['CN', name]])
  const validity = { notBefore: Date.parse('2025-01-01') / 1000, notAfter: Date.parse('2045-01-01') / 1000 }
  const extensions = [
    basicConstraints({ ca: true, pathLen: issuer === null ? 1 : 0 }),
    keyUsage(['keyCertSign', 'cRLSign']),
    subjectKeyId(keyIdOf(key)),
    authorityKeyId(keyIdOf(signingKey)),
  ]
  const names = { issuer: issuer?.subject.der ?? subject, subject }
  const input = { serial: serial(), ...names, ...validity, spki: spkiOf(key), extensions }
  return Certificate.fromDer(signCertificate(input, nodeSigner(signingKey)) as Uint8Array)
}

const serial = () => Uint8Array.of(0x4a, ...randomBytes(15))
const pem = (der: Uint8Array) => encodePem('CERTIFICATE', der)
const keyIdOf = (key: KeyObject) => keyIdentifier(parsePublicKey(spkiOf(key)).keyBits, nodeCrypto)
