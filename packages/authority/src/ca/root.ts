import {
  basicConstraints,
  type Certificate,
  encodeName,
  keyUsage,
  type Signer,
  subjectAltName,
  type TrustDomain,
} from '@lanyard/protocol'
import { type CaPorts, keyIdOf, selfSign } from './certify.ts'
import { AUTHORITY_LIFE, lifeFrom } from './lives.ts'
import { proveAuthority } from './prove.ts'

/**
 * A new root of the trust domain: what every verifier holds, and all that the bundle holds. Ten years; under it
 * intermediates and no deeper. `at` in Unix ms.
 */
export async function createRoot(
  { trustDomain, signer, at }: { trustDomain: TrustDomain; signer: Signer; at: number },
  ports: CaPorts,
): Promise<Certificate> {
  const draft = {
    subject: authorityName('root', signer.spki, ports),
    spki: signer.spki,
    ...lifeFrom(at, AUTHORITY_LIFE.root),
    extensions: authorityExtensions(trustDomain, 1),
  }
  const root = await selfSign(draft, signer, ports)
  return proveAuthority(root, { trustDomain, pathLength: 1, spki: signer.spki, roots: [root], at }, ports.crypto)
}

/**
 * Names differ with the key, so that two generations of one authority never have the same name: a verifier that looks
 * for an issuer by name finds one. The trust domain stands in the SAN; in a name it might be too long (64 characters
 * at most: RFC 5280, A.1).
 */
export function authorityName(kind: string, spki: Uint8Array, { crypto }: CaPorts): Uint8Array {
  return encodeName([
    ['O', 'Lanyard'],
    ['CN', `Lanyard ${kind} ${keyIdOf(spki, crypto).slice(0, 16)}`],
  ])
}

/** X.509-SVID, 4.1 and 5.1: an authority carries the ID of its trust domain, without a path. */
export function authorityExtensions(trustDomain: TrustDomain, pathLength: number): Uint8Array[] {
  return [
    basicConstraints({ ca: true, pathLen: pathLength }),
    keyUsage(['keyCertSign', 'cRLSign']),
    subjectAltName({ uri: [`spiffe://${trustDomain}`] }, false),
  ]
}
