import { type Certificate, type Crypto, encodePem, type TrustDomain } from '@lanyard/protocol'
import { createNodeCertificate } from '../ca/node-leaf.ts'
import type { X509Issuer } from '../issue/issuer.ts'
import { renewAfter } from '../lifetime.ts'
import type { Dice, NodeState } from '../ports.ts'
import { type NodeName, nodeId } from './node-id.ts'
import type { NodeSettings } from './settings.ts'

/** What certificates of nodes are made with. */
export interface CredentialPorts {
  readonly crypto: Crypto
  readonly dice: Dice
  readonly trustDomain: TrustDomain
  /** The authority of this moment. */
  readonly issuer: () => X509Issuer
  readonly roots: () => readonly Certificate[]
  readonly settings: NodeSettings
}

/** A certificate of a node that nobody has been given. */
export interface NodeCertificate {
  readonly certificate: Certificate
  readonly issuer: X509Issuer
}

/** What a machine gets when it becomes a node, and at each renewal. */
export interface NodeCredential {
  readonly node: NodeState
  readonly pem: string
  readonly chainPem: string
  readonly bundlePem: string
  /** Unix seconds, both ends count. */
  readonly notBefore: number
  readonly notAfter: number
  /** Unix milliseconds. */
  readonly renewAfter: number
}

/** Signs a certificate for the node's key (DER SubjectPublicKeyInfo). Who records it must do so before it leaves. */
export async function certifyNode(
  name: NodeName,
  spki: Uint8Array,
  at: number,
  ports: CredentialPorts,
): Promise<NodeCertificate> {
  const issuer = ports.issuer()
  const id = nodeId(ports.trustDomain, name)
  const input = { id, spki, at, lifeSec: ports.settings.certTtlSec }
  return { certificate: await createNodeCertificate(input, issuer, ports.roots(), ports), issuer }
}

/** The same for whom it was made. */
export function credentialOfNode(
  node: NodeState,
  { certificate, issuer }: NodeCertificate,
  at: number,
  dice: Dice,
): NodeCredential {
  const { notBefore, notAfter } = certificate
  return {
    node,
    pem: encodePem('CERTIFICATE', certificate.der),
    chainPem: issuer.chainPem,
    bundlePem: issuer.bundlePem,
    notBefore,
    notAfter,
    renewAfter: renewAfter(at, notAfter + 1 - Math.floor(at / 1000), dice.bytes(1)[0]! / 255),
  }
}
