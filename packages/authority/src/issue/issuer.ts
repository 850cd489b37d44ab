import type { Certificate, Signer } from '@lanyard/protocol'

/** The X.509 authority that issues to agents at this moment. Rotation puts another in its place between two requests. */
export interface X509Issuer {
  /** Hex of its subject key identifier. */
  readonly keyId: string
  readonly certificate: Certificate
  readonly signer: Signer
  /** Its own certificate, and further ones up to but without the root, in PEM, leaf side first. */
  readonly chainPem: string
  /** The roots of the trust domain, in PEM. */
  readonly bundlePem: string
}
