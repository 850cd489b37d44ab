import { randomBytes } from 'node:crypto'
import { createRoot, createSigningCertificate, type Issuer, type SigningPurpose } from '@lanyard/authority'
import { encodePem, type Signer, TrustDomain } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner } from '@lanyard/protocol/node'

const ports = { crypto: nodeCrypto, dice: { bytes: (length: number) => new Uint8Array(randomBytes(length)) } }
const newSigner = () => nodeSigner(generateKeyNow('P-256'))

/** The root of a trust domain as Lanyard makes it, and keys under it that sign lines of the feed and receipts. */
export class LanyardRoot {
  readonly instance = '6f1f3a52-0000-4000-8000-5d0c7f6f8a11'
  readonly trustDomain = TrustDomain.parse('example.org')
  readonly #root: Issuer

  private constructor(root: Issuer) {
    this.#root = root
  }

  static async make(at = Date.now()): Promise<LanyardRoot> {
    const signer = newSigner()
    const certificate = await createRoot({ trustDomain: TrustDomain.parse('example.org'), signer, at }, ports)
    return new LanyardRoot({ signer, certificate })
  }

  get pem(): string {
    return encodePem('CERTIFICATE', this.#root.certificate.der)
  }

  /** A new key for a purpose, with its certificate under the root. */
  async key(purpose: SigningPurpose, at = Date.now()) {
    const signer: Signer = newSigner()
    const input = { trustDomain: this.trustDomain, instance: this.instance, spki: signer.spki, at }
    const certificate = await createSigningCertificate(purpose, input, this.#root, ports)
    return { kid: `${purpose}-key`, signer, x5c: [certificate], chain: [certificate] }
  }
}
