import { createHash, type KeyObject, randomBytes } from 'node:crypto'
import { buildCsr, type Certificate, concat, encodeBase64Url, encodePem, encodeUtf8, keyUsage } from '@lanyard/protocol'
import { generateKeyNow, nodeSigner } from '@lanyard/protocol/node'
import { issue, OF_AUTHORITY, OF_CLIENT } from './client-authority.ts'

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
  static authority(): Machine {
    return Machine.#certified(null, { ca: true })
  }

  /** Under this authority. */
  certify(wish: MachineWish = {}): Machine {
    return Machine.#certified(this, wish)
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

  static #certified(issuer: Machine | null, wish: MachineWish): Machine {
    const { key = generateKeyNow('P-256'), ca = false, usage, begins = -60, ends = 3600, spki } = wish
    const now = Math.floor(Date.now() / 1000)
    const { certificate } = issue({
      ...{ key, name: 'machine', issuer },
      wish: {
        subject: `machine ${randomBytes(4).toString('hex')}`,
        ...{ notBefore: now + begins, notAfter: now + ends },
        ...(spki === undefined ? {} : { spki }),
        ...(ca ? {} : { names: { dns: ['machine.test'] } }),
      },
      extensions: { ...(ca ? OF_AUTHORITY : OF_CLIENT), ...(usage && { keyUsage: keyUsage(usage) }) },
    })
    return new Machine(key, certificate, issuer === null ? [] : [certificate, ...issuer.chain])
  }
}

/** A request for a new key, with the key. */
export async function newRequest(key: KeyObject = generateKeyNow('P-256')) {
  const der = await buildCsr(nodeSigner(key))
  return { key, der, pem: encodePem('CERTIFICATE REQUEST', der) }
}
