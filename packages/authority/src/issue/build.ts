import { LanyardError } from '@lanyard/api'
import {
  assembleCertificate,
  authorityKeyId,
  basicConstraints,
  type Crypto,
  EMPTY_NAME,
  encodeTbs,
  extendedKeyUsage,
  fromHex,
  keyIdentifier,
  keyUsage,
  lanyardIdentity,
  subjectAltName,
  subjectKeyId,
} from '@lanyard/protocol'
import { validity } from '../lifetime.ts'
import type { Grant } from './check.ts'
import type { X509Issuer } from './issuer.ts'

// The same in every leaf, so encoded once.
const LEAF_CONSTRAINTS = basicConstraints({ ca: false })
const LEAF_USAGE = keyUsage(['digitalSignature'])
const LEAF_EXTENDED_USAGE = extendedKeyUsage(['serverAuth', 'clientAuth'])

/** A certificate before its signature. */
export interface Unsigned {
  readonly tbs: Uint8Array
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * The leaf for a grant. Subject and names come from policy alone. The subject is empty and the SAN hence critical
 * (RFC 5280, 4.1.2.6): the SPIFFE ID is the only name, but for
 * host names that an entry lists. Throws `not_ready` when the issuer ends before the leaf would.
 */
export function buildLeaf(grant: Grant, issuer: X509Issuer, serial: string, crypto: Crypto): Unsigned {
  const { agent, lineage } = grant.subject
  const { notBefore, notAfter } = validity(grant.at, grant.ttlSec)
  if (notAfter > issuer.certificate.notAfter) {
    throw new LanyardError(
      'not_ready',
      'the issuing intermediate ends before the certificate would, and is being replaced',
    )
  }
  const extensions = [
    LEAF_CONSTRAINTS,
    LEAF_USAGE,
    LEAF_EXTENDED_USAGE,
    subjectAltName({ uri: [agent.spiffeId], dns: grant.dnsNames }, true),
    subjectKeyId(keyIdentifier(grant.key.keyBits, crypto)),
    authorityKeyId(fromHex(issuer.keyId)),
    lanyardIdentity({ incarnation: agent.incarnation, lineage: fromHex(lineage.id) }),
  ]
  const input = {
    serial: fromHex(serial),
    issuer: issuer.certificate.subject.der,
    subject: EMPTY_NAME,
    notBefore,
    notAfter,
    spki: grant.key.der,
    extensions,
  }
  return { tbs: encodeTbs(input, issuer.signer.algorithm), notBefore, notAfter }
}

/** Signs with the issuer's key; a remote one answers later. */
export async function signLeaf(unsigned: Unsigned, issuer: X509Issuer): Promise<Uint8Array> {
  const signature = await issuer.signer.sign(unsigned.tbs, 'der')
  return assembleCertificate(unsigned.tbs, issuer.signer.algorithm, signature)
}
