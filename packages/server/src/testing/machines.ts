import { createHash, type KeyObject, randomBytes } from 'node:crypto'
import {
  authorityKeyId,
  basicConstraints,
  buildCsr,
  Certificate,
  concat,
  encodeBase64Url,
  encodeName,
  encodePem,
  encodeUtf8,
  extendedKeyUsage,
  keyIdentifier,
  keyUsage,
  parsePublicKey,
  signCertificate,
  subjectAltName,
  subjectKeyId,
} from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'

const keyIdOf = (key: KeyObject) => keyIdentifier(parsePublicKey(spkiOf(key)).keyBits, nodeCrypto)

/** How a certificate of a company's machine differs from a usual one. */
export interface MachineWish {
  readonly key?: KeyObject
  /** It says that it is an authority. */
  readonly ca?: boolean
  readonly usage?: Parameters<typeof keyUsage>[0]
  /** Seconds from now. */
  readonly begins?: number
  readonly ends?: number
  /** A public key that nobody needs to own. */
  readonly spki?: Uint8Array
}

/** A company's own authority, or a machine with a certificate under it. */
export class Machine {
  readonly key: KeyObject
  readonly certificate: Certificate
  /** Leaf first, without the root. */
  readonly chain: readonly Certificate[]

  private constructor(key: KeyObject, certificate: Certificate, chain: readonly Certificate[]) {
    this.key = key
    this.certificate = certificate
    this.chain = chain
  }

  /** A root. */
  static async authority(): Promise<Machine> {
    return await Machine.#certified(null, { ca: true })
  }

  /** Under this authority. */
  async certify(wish: MachineWish = {}): Promise<Machine> {
    return await Machine.#certified(this, wish)
  }

  get pem(): string {
    return this.chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  }

  /** What the key signs to become a node with this request (DER). */
  async proof(nonce: string, csr: Uint8Array, key: KeyObject = this.key): Promise<string> {
    const digest = new Uint8Array(createHash('sha256').update(csr).digest())
    const message = concat(encodeUtf8('lanyard-x509pop-v1\0'), new Uint8Array(Buffer.from(nonce, 'base64url')), digest)
    return encodeBase64Url(await nodeSigner(key).sign(message, 'der'))
  }

  static async #certified(issuer: Machine | null, wish: MachineWish): Promise<Machine> {
    const { key = generateKeyNow('P-256'), ca = false, usage, begins = -60, ends = 3600, spki = spkiOf(key) } = wish
    const now = Math.floor(Date.now() / 1000)
    const subject = encodeName([['CN', `machine ${randomBytes(4).toString('hex')}`]])
    const extensions = [
      basicConstraints({ ca }),
      keyUsage(usage ?? (ca ? ['keyCertSign'] : ['digitalSignature'])),
      ...(ca ? [] : [extendedKeyUsage(['clientAuth']), subjectAltName({ dns: ['machine.test'] }, false)]),
      subjectKeyId(keyIdOf(key)),
      ...(issuer === null ? [] : [authorityKeyId(keyIdOf(issuer.key))]),
    ]
    const input = {
      ...{ subject, issuer: issuer?.certificate.subject.der ?? subject, spki, extensions },
      ...{ serial: randomBytes(16).fill(0x41, 0, 1), notBefore: now + begins, notAfter: now + ends },
    }
    const certificate = Certificate.fromDer(await signCertificate(input, nodeSigner(issuer?.key ?? key)))
    const above = issuer === null || issuer.chain.length === 0 ? [] : issuer.chain
    return new Machine(key, certificate, issuer === null ? [] : [certificate, ...above])
  }
}

/** A request for a new key, with the key. */
export async function newRequest(key: KeyObject = generateKeyNow('P-256')) {
  const der = await buildCsr(nodeSigner(key))
  return { key, der, pem: encodePem('CERTIFICATE REQUEST', der) }
}
