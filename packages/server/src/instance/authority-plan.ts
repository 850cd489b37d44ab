import { LanyardError } from '@lanyard/api'
import { type AllowedNames, isConstrainedTo, isReplacementDue, SIGNING_PURPOSES } from '@lanyard/authority'
import type { TrustDomain } from '@lanyard/protocol'
import type { KeyAlgorithm, KeyPurpose } from '../keys/key-manager.ts'
import type { Certified, KeptKey } from './held-key.ts'

/** What this instance's authorities are to be like. */
export interface Wanted {
  readonly trustDomain: TrustDomain
  /** UUID. */
  readonly instance: string
  /** Of the root and the intermediates. An existing root stays as it is. */
  readonly algorithm: KeyAlgorithm
  readonly serverNames: AllowedNames
  readonly dnsSuffixes: readonly string[]
}

/** Keys of one instance, which the root certifies. */
export const CERTIFIED_PURPOSES = ['x509-agents', 'x509-service', ...SIGNING_PURPOSES] as const
export type CertifiedPurpose = (typeof CERTIFIED_PURPOSES)[number]
/** Keys of the whole trust domain that sign tokens. */
export const TOKEN_PURPOSES = ['jwt-svid', 'wit-svid', 'agent-token'] as const
export type TokenPurpose = (typeof TOKEN_PURPOSES)[number]

/** What is to be made at this moment, and what ends with it. */
export interface Plan {
  readonly root: 'keep' | 'make'
  readonly certify: readonly CertifiedPurpose[]
  readonly tokens: readonly TokenPurpose[]
  readonly retire: readonly KeptKey[]
}

/**
 * Compares what there is with what is wanted at `at` (Unix ms). The same for the first start, a start after a long
 * time, and each turn of rotation. Throws `keys_missing` for a store that lost its root.
 */
export function planAuthorities(kept: readonly KeptKey[], wanted: Wanted, at: number): Plan {
  const hasRoot = newest(kept, 'x509-root', null) !== undefined
  if (!hasRoot && kept.length > 0)
    throw new LanyardError('keys_missing', `expected a root among the ${kept.length} authorities of this store`)
  const certify = CERTIFIED_PURPOSES.filter(purpose =>
    isDue(purpose, newest(kept, purpose, wanted.instance), wanted, at),
  )
  return {
    root: hasRoot ? 'keep' : 'make',
    certify,
    tokens: TOKEN_PURPOSES.filter(purpose => newest(kept, purpose, null) === undefined),
    retire: kept.filter(
      ({ purpose, instance, retired }) =>
        !retired && instance === wanted.instance && certify.some(due => due === purpose),
    ),
  }
}

/** Whether the plan has anything to make. */
export const isAnythingDue = ({ root, certify, tokens }: Plan): boolean =>
  root === 'make' || certify.length + tokens.length > 0

/** The key that signs for a purpose: the newest that is not retired. */
export function newest<K extends KeptKey>(
  kept: readonly K[],
  purpose: KeyPurpose,
  instance: string | null,
): K | undefined {
  return kept.findLast(key => key.purpose === purpose && key.instance === instance && !key.retired)
}

/** The algorithm for a purpose: tokens are ES256 whatever the certificates are signed with. */
export function algorithmFor(purpose: KeyPurpose, { algorithm }: Wanted): KeyAlgorithm {
  switch (purpose) {
    case 'x509-root':
    case 'x509-agents':
    case 'x509-service':
      return algorithm
    case 'jwt-svid':
    case 'wit-svid':
    case 'agent-token':
    case 'events':
    case 'feed':
    case 'receipt':
      return 'P-256'
    default:
      throw new TypeError(`no algorithm for ${String(purpose satisfies never)}`)
  }
}

/** A key that the root certified; throws `store_damaged` when its certificate is gone. */
export function requireCertified<K extends KeptKey>(key: K): Certified<K> {
  if (key.certificate !== null) return key as Certified<K>
  throw new LanyardError('store_damaged', `expected a certificate with the ${key.purpose} key ${key.keyId}`)
}

function isDue(purpose: CertifiedPurpose, key: KeptKey | undefined, wanted: Wanted, at: number): boolean {
  if (key === undefined) return true
  const { certificate } = requireCertified(key)
  if (isReplacementDue(certificate, at) || key.algorithm !== algorithmFor(purpose, wanted)) return true
  const names = namesUnder(purpose, wanted)
  return names !== null && !isConstrainedTo(certificate, wanted.trustDomain, names)
}

// Other hosts or suffixes in the configuration need another intermediate, since its constraints name them.
function namesUnder(purpose: CertifiedPurpose, { serverNames, dnsSuffixes }: Wanted): AllowedNames | null {
  switch (purpose) {
    case 'x509-agents':
      return { dns: dnsSuffixes, ips: [] }
    case 'x509-service':
      return serverNames
    case 'events':
    case 'feed':
    case 'receipt':
      return null
    default:
      throw new TypeError(`no names for ${String(purpose satisfies never)}`)
  }
}
