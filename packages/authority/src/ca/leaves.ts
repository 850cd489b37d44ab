import {
  basicConstraints,
  type Certificate,
  encodeName,
  extendedKeyUsage,
  keyUsage,
  SpiffeId,
  subjectAltName,
  type TrustDomain,
} from '@lanyard/protocol'
import { type CaPorts, certify, type Issuer } from './certify.ts'
import type { AllowedNames } from './constraints.ts'
import { AUTHORITY_LIFE, lifeFrom } from './lives.ts'
import { proveLeaf } from './prove.ts'

/** The SPIFFE ID of an instance's server. No agent can have one: the first segment is reserved. */
export const serverId = (trustDomain: TrustDomain, instance: string): SpiffeId =>
  SpiffeId.of(trustDomain, 'lanyard', 'server', instance)

/** What keys of an instance sign besides certificates and tokens; each proves itself by a certificate under the root. */
export const SIGNING_PURPOSES = ['events', 'feed', 'receipt'] as const
export type SigningPurpose = (typeof SIGNING_PURPOSES)[number]

/**
 * The ID under which an instance signs: `/lanyard/events/<instance>` for the heads of its event chains,
 * `/lanyard/feed/<instance>` for lines of the feed. Receipts are those of the authority, whoever of it signed.
 */
export const signingId = (purpose: SigningPurpose, trustDomain: TrustDomain, instance: string): SpiffeId =>
  SpiffeId.of(trustDomain, 'lanyard', purpose, ...(purpose === 'receipt' ? [] : [instance]))

/** What a certificate of the authority's own programs is made of. */
export interface OwnLeafInput {
  readonly trustDomain: TrustDomain
  readonly instance: string
  /** DER SubjectPublicKeyInfo of its key. */
  readonly spki: Uint8Array
  /** Unix milliseconds. */
  readonly at: number
}

/**
 * The certificate of an instance's server, for a day: its SPIFFE ID, and the DNS names and addresses that clients may
 * call it by. It has a subject, unlike an SVID of an agent, since the TLS of some clients will not have an empty one.
 */
export async function createServerCertificate(
  { trustDomain, instance, spki, at, names }: OwnLeafInput & { readonly names: AllowedNames },
  service: Issuer,
  root: Certificate,
  ports: CaPorts,
): Promise<Certificate> {
  const id = serverId(trustDomain, instance)
  const san = subjectAltName({ uri: [`${id}`], dns: [...names.dns], ip: [...names.ips] }, false)
  const draft = {
    subject: encodeName([
      ['O', 'Lanyard'],
      ['CN', 'Lanyard server'],
    ]),
    spki,
    ...lifeFrom(at, AUTHORITY_LIFE.server, service.certificate),
    extensions: [...LEAF, extendedKeyUsage(['serverAuth', 'clientAuth']), san],
  }
  const leaf = await certify(draft, service, ports)
  const path = { intermediates: [service.certificate], roots: [root] }
  return proveLeaf(leaf, { id, ...names, purpose: 'serverAuth', ...path, at }, ports.crypto)
}

/**
 * The certificate of a key that signs heads, lines or receipts, directly under the root: what it signs is verified where
 * no intermediate is at hand, heads and receipts long after every intermediate of their time has ended. Its extended
 * key usage is ours alone, so that no TLS accepts it, and one for each purpose, so that no key stands in for another.
 */
export async function createSigningCertificate(
  purpose: SigningPurpose,
  { trustDomain, instance, spki, at }: OwnLeafInput,
  root: Issuer,
  ports: CaPorts,
): Promise<Certificate> {
  const id = signingId(purpose, trustDomain, instance)
  const draft = {
    subject: encodeName([
      ['O', 'Lanyard'],
      ['CN', `Lanyard ${purpose}`],
    ]),
    spki,
    ...lifeFrom(at, AUTHORITY_LIFE[purpose], root.certificate),
    extensions: [...LEAF, extendedKeyUsage([USAGES[purpose]]), subjectAltName({ uri: [`${id}`] }, false)],
  }
  const leaf = await certify(draft, root, ports)
  const path = { intermediates: [], roots: [root.certificate] }
  return proveLeaf(leaf, { id, dns: [], ips: [], purpose: 'any', ...path, at }, ports.crypto)
}

const USAGES = { events: 'lanyardEvents', feed: 'lanyardFeed', receipt: 'lanyardReceipt' } as const

const LEAF: readonly Uint8Array[] = [basicConstraints({ ca: false }), keyUsage(['digitalSignature'])]
