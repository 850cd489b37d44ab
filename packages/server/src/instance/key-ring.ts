import type { X509Issuer } from '@lanyard/authority'
import {
  Bundle,
  type Certificate,
  encodePem,
  jwkFromSpki,
  type TokenAuthority,
  type TrustDomain,
  tokenAuthority,
  type VerifyKey,
} from '@lanyard/protocol'
import { type CertifiedPurpose, newest, requireCertified, type TokenPurpose, type Wanted } from './authority-plan.ts'
import type { Certified, HeldKey, KeptKey } from './held-key.ts'

/** Seconds after which readers of the bundle should look again. */
const REFRESH_HINT = 300

/** The keys of one moment. */
export interface Keys {
  /** All that the store knows, oldest first, retired ones too. */
  readonly kept: readonly KeptKey[]
  /** Those that sign, opened; never the root. */
  readonly held: readonly HeldKey[]
}

/** The authorities of one moment. Rotation makes another ring; this one never changes. */
export interface KeyRing extends Keys {
  readonly root: Certified<KeptKey>
  readonly agents: Certified<HeldKey>
  readonly service: Certified<HeldKey>
  readonly events: Certified<HeldKey>
  readonly feed: Certified<HeldKey>
  readonly receipt: Certified<HeldKey>
  /** Signs agent tokens. */
  readonly token: HeldKey
  /** Signs JWT-SVIDs. */
  readonly svid: HeldKey
  /** Signs WIT-SVIDs. */
  readonly wit: HeldKey
  readonly issuer: X509Issuer
  readonly bundle: Bundle
  readonly rootsPem: string
  readonly tokenKeys: ReadonlyMap<string, VerifyKey>
  readonly jwksJson: string
}

/** The ring of an instance's keys. */
export function ringOf({ trustDomain, instance }: Wanted, { kept, held }: Keys): KeyRing {
  const certified = (purpose: CertifiedPurpose) => requireCertified(newest(held, purpose, instance)!)
  const agents = certified('x509-agents')
  const rootsPem = pemOf(certificatesOf(kept, 'x509-root'))
  const tokenKeys = verifyKeys(held, 'agent-token')
  return {
    kept,
    held,
    root: requireCertified(newest(kept, 'x509-root', null)!),
    agents,
    service: certified('x509-service'),
    events: certified('events'),
    feed: certified('feed'),
    receipt: certified('receipt'),
    token: newest(held, 'agent-token', null)!,
    svid: newest(held, 'jwt-svid', null)!,
    wit: newest(held, 'wit-svid', null)!,
    issuer: issuerOf(agents, rootsPem),
    bundle: bundleOf(trustDomain, kept, held),
    rootsPem,
    tokenKeys,
    jwksJson: jwksOf(tokenKeys),
  }
}

/** Every key whose signer must be open: all that may sign or verify now, the root excepted. */
export const toHold = (kept: readonly KeptKey[], instance: string): readonly KeptKey[] =>
  kept.filter(
    ({ purpose, instance: owner, retired }) =>
      purpose !== 'x509-root' && !retired && (owner === null || owner === instance),
  )

const issuerOf = ({ keyId, certificate, signer }: Certified<HeldKey>, bundlePem: string): X509Issuer => ({
  keyId,
  certificate,
  signer,
  chainPem: pemOf([certificate]),
  bundlePem,
})

function bundleOf(trustDomain: TrustDomain, kept: readonly KeptKey[], held: readonly HeldKey[]): Bundle {
  return Bundle.of({
    trustDomain,
    x509Authorities: certificatesOf(kept, 'x509-root'),
    jwtAuthorities: tokenAuthorities(held, 'jwt-svid'),
    witAuthorities: tokenAuthorities(held, 'wit-svid'),
    sequence: sequenceOf(kept),
    refreshHint: REFRESH_HINT,
  })
}

/** What stands in the bundle. */
const PUBLISHED: ReadonlySet<KeptKey['purpose']> = new Set(['x509-root', 'jwt-svid', 'wit-svid'])

// Each key in the bundle counts once when it comes and once when it goes: rows never leave, so the sum only grows, and
// it is the same on every instance.
function sequenceOf(kept: readonly KeptKey[]): bigint {
  const published = kept.filter(({ purpose }) => PUBLISHED.has(purpose))
  return BigInt(published.length + published.filter(({ retired }) => retired).length)
}

const certificatesOf = (kept: readonly KeptKey[], purpose: 'x509-root'): Certificate[] =>
  kept.filter(key => key.purpose === purpose && !key.retired).map(key => requireCertified(key).certificate)

const verifyKeys = (held: readonly HeldKey[], purpose: TokenPurpose): Map<string, VerifyKey> =>
  new Map(keysFor(held, purpose).map(({ keyId, signer: { algorithm, spki } }) => [keyId, { algorithm, spki }]))

const tokenAuthorities = (held: readonly HeldKey[], purpose: TokenPurpose): Map<string, TokenAuthority> =>
  new Map(keysFor(held, purpose).map(({ keyId, signer }) => [keyId, tokenAuthority(signer.spki)]))

const keysFor = (held: readonly HeldKey[], purpose: TokenPurpose) => held.filter(key => key.purpose === purpose)

const jwksOf = (keys: ReadonlyMap<string, VerifyKey>): string =>
  JSON.stringify({
    keys: [...keys].map(([kid, { algorithm, spki }]) => ({
      ...jwkFromSpki(spki),
      kid,
      use: 'sig',
      alg: algorithm.jose,
    })),
  })

const pemOf = (certificates: readonly Certificate[]): string =>
  certificates.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
