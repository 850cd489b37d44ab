import {
  basicConstraints,
  type Certificate,
  encodeName,
  equalBytes,
  extendedKeyUsage,
  keyUsage,
  type SpiffeId,
  subjectAltName,
} from '@lanyard/protocol'
import { type CaPorts, certify, type Issuer } from './certify.ts'
import { lifeFrom } from './lives.ts'
import { proveLeaf } from './prove.ts'

/** What the certificate of a node is made of. */
export interface NodeLeafInput {
  readonly id: SpiffeId
  /** DER SubjectPublicKeyInfo of its key. */
  readonly spki: Uint8Array
  /** Unix milliseconds. */
  readonly at: number
  readonly lifeSec: number
}

/**
 * The certificate of a node, under the intermediate that signs for agents. Its extended key usage is ours alone, so that
 * verifiers that ask for a purpose take it for no agent's. go-spiffe asks for none: to it a node is one more member of the
 * trust domain, under a reserved ID.
 */
export async function createNodeCertificate(
  { id, spki, at, lifeSec }: NodeLeafInput,
  issuer: Issuer,
  roots: readonly Certificate[],
  ports: CaPorts,
): Promise<Certificate> {
  const draft = {
    subject: encodeName([
      ['O', 'Lanyard'],
      ['CN', 'Lanyard node'],
    ]),
    spki,
    ...lifeFrom(at, lifeSec, issuer.certificate),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extendedKeyUsage(['lanyardNode']),
      subjectAltName({ uri: [`${id}`] }, false),
    ],
  }
  const leaf = await certify(draft, issuer, ports)
  if (!equalBytes(leaf.publicKey.der, spki))
    throw new Error('a certificate of a node is for another key; it is not used')
  const path = { intermediates: [issuer.certificate], roots }
  return proveLeaf(leaf, { id, dns: [], ips: [], purpose: 'any', ...path, at }, ports.crypto)
}
