import { createPublicKey, type KeyObject } from 'node:crypto'
import {
  type AckSigning,
  Bundle,
  type BundleSource,
  bundleSource,
  type Certificate,
  type Credential,
  credentialOf,
  encodePem,
  equalBytes,
  type SpiffeId,
  type TrustDomain,
  type VerifiedX509Svid,
  verifyX509Svid,
} from '@lanyard/protocol'
import { nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import { certificatesOf } from '../client/certificates.ts'
import type { ReputationTier } from '../client/reply.ts'
import { IdentityError } from '../errors.ts'

/** What an X.509-SVID is made of, in PEM, with the key that belongs to it. */
export interface SvidParts {
  readonly certificate: string
  readonly chain: string
  readonly bundle: string
  /** Null: another program holds it. */
  readonly privateKey: KeyObject | null
  readonly tier?: ReputationTier
  /** Bundles of other trust domains, whose members are believed too. */
  readonly federated?: readonly Bundle[]
}

/** A certificate with its private key: checked when it is made, so that it cannot be one that does not fit. */
export class Svid {
  /** The SPIFFE ID. */
  readonly id: SpiffeId
  /** Lower-case hex. */
  readonly serial: string
  /** Unix seconds; both ends belong to the lifetime. */
  readonly notBefore: number
  readonly notAfter: number
  /** PEM: the leaf. */
  readonly certificate: string
  /** PEM: the intermediates. */
  readonly chain: string
  /** PEM: the roots of the trust domain. */
  readonly bundle: string
  /** The same roots, parsed. */
  readonly roots: Bundle
  /** Bundles of other trust domains whose members are believed too; never that of the own one. */
  readonly federated: readonly Bundle[]
  /** Whom to believe about which trust domain. */
  readonly bundles: BundleSource
  /** Reputation tier; null where it is not known. */
  readonly tier: ReputationTier | null
  /** What of it a death can concern. */
  readonly credential: Credential
  readonly #leaf: Certificate
  // Private to the class, so that it is in no log, no dump and no JSON.
  readonly #privateKey: KeyObject | null

  private constructor(parts: SvidParts, { id, path }: VerifiedX509Svid, roots: Bundle) {
    const leaf = path[0]!
    this.id = id
    this.serial = leaf.serialHex
    this.notBefore = leaf.notBefore
    this.notAfter = leaf.notAfter
    this.certificate = parts.certificate
    this.chain = parts.chain
    this.bundle = parts.bundle
    this.roots = roots
    this.federated = (parts.federated ?? []).filter(({ trustDomain }) => !trustDomain.equals(id.trustDomain))
    this.bundles = bundleSource(roots, ...this.federated)
    this.tier = parts.tier ?? null
    this.credential = credentialOf({ id, path }, null, nodeCrypto)
    this.#leaf = leaf
    this.#privateKey = parts.privateKey
  }

  /**
   * Checks that the key belongs to the leaf, and the leaf to the roots by the rules of X.509-SVID. Whether it holds at
   * present is left to those who use it: a certificate that has ended may still renew.
   *
   * @throws ProtocolError, TypeError for what does not hold
   */
  static of(parts: SvidParts): Svid {
    const [leaf, ...others] = certificatesOf(parts.certificate)
    if (leaf === undefined || others.length > 0) throw new TypeError('expected exactly one certificate as the leaf')
    if (parts.privateKey !== null) requireKeyOf(leaf, parts.privateKey)
    const chain = [leaf, ...(parts.chain === '' ? [] : certificatesOf(parts.chain))]
    const bundles: BundleSource = trustDomain =>
      Bundle.of({ trustDomain, x509Authorities: certificatesOf(parts.bundle) })
    const verified = verifyX509Svid({ chain, bundles, at: leaf.notAfter }, nodeCrypto)
    return new Svid(parts, verified, bundles(verified.id.trustDomain)!)
  }

  /** That of the ID. */
  get trustDomain(): TrustDomain {
    return this.id.trustDomain
  }

  /** PEM of all roots, the own ones and those of others: what TLS lets through, before each chain is judged by its own bundle. */
  get everyRoot(): string {
    const others = this.federated.flatMap(({ x509Authorities }) => x509Authorities)
    return this.bundle + others.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  }

  /** Whether it has ended, at a moment in Unix milliseconds. */
  hasEnded(at: number): boolean {
    return at >= (this.notAfter + 1) * 1000
  }

  /** What signs the acknowledgements of this identity. */
  ackSigning(): AckSigning {
    const intermediates = this.chain === '' ? [] : certificatesOf(this.chain)
    return { signer: nodeSigner(this.#key()), chain: [this.#leaf, ...intermediates] }
  }

  /** The private key as PKCS#8 PEM, for TLS. Throws IdentityError `keys_elsewhere` where the daemon holds it. */
  privateKeyPem(): string {
    return this.#key().export({ type: 'pkcs8', format: 'pem' }) as string
  }

  #key(): KeyObject {
    if (this.#privateKey !== null) return this.#privateKey
    throw new IdentityError('keys_elsewhere', `the daemon holds the private key of ${this.id}`)
  }

  /** What may be shown: nothing of the key. */
  toJSON() {
    return {
      id: this.id.toString(),
      serial: this.serial,
      notBefore: this.notBefore,
      notAfter: this.notAfter,
      tier: this.tier,
    }
  }
}

function requireKeyOf(leaf: Certificate, privateKey: KeyObject): void {
  const own = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  if (!equalBytes(leaf.publicKey.der, new Uint8Array(own)))
    throw new TypeError('expected the certificate of the private key, got that of another')
}
