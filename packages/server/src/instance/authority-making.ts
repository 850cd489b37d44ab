import { LanyardError } from '@lanyard/api'
import {
  type CaPorts,
  createAgentsIntermediate,
  createRoot,
  createServiceIntermediate,
  createSigningCertificate,
  type Issuer,
  isoTime,
} from '@lanyard/authority'
import type { Certificate } from '@lanyard/protocol'
import { type KeyManager, lend, type NewKey, withKey } from '../keys/key-manager.ts'
import {
  algorithmFor,
  type CertifiedPurpose,
  newest,
  type Plan,
  requireCertified,
  type Wanted,
} from './authority-plan.ts'
import type { HeldKey, KeptKey } from './held-key.ts'

/** What making keys and certificates needs. */
export interface MakingPorts extends CaPorts {
  readonly keys: KeyManager
}

/**
 * Makes what the plan says at `at` (Unix ms); nothing is stored. The root key is open for as long as its signatures
 * take, and not at all when it has nothing to sign.
 */
export async function makeAuthorities(
  plan: Plan,
  kept: readonly KeptKey[],
  wanted: Wanted,
  at: number,
  ports: MakingPorts,
): Promise<HeldKey[]> {
  const tokens = await Promise.all(plan.tokens.map(purpose => makeKey(purpose, null, null, wanted, at, ports)))
  return [...(await makeCertified(plan, kept, wanted, at, ports)), ...tokens]
}

async function makeCertified(
  plan: Plan,
  kept: readonly KeptKey[],
  wanted: Wanted,
  at: number,
  ports: MakingPorts,
): Promise<HeldKey[]> {
  const certify = (root: Issuer) =>
    Promise.all(plan.certify.map(purpose => makeUnderRoot(purpose, root, wanted, at, ports)))
  if (plan.root === 'make') {
    const key = await ports.keys.create('x509-root', algorithmFor('x509-root', wanted))
    return await lend(key.signer, async signer => {
      const certificate = await createRoot({ trustDomain: wanted.trustDomain, signer, at }, ports)
      return [asHeld({ ...key, signer }, certificate, null, at), ...(await certify({ certificate, signer }))]
    })
  }
  if (plan.certify.length === 0) return []
  const root = requireUsable(requireCertified(newest(kept, 'x509-root', null)!).certificate, at)
  return await withKey(ports.keys, newest(kept, 'x509-root', null)!, signer => certify({ certificate: root, signer }))
}

async function makeUnderRoot(
  purpose: CertifiedPurpose,
  root: Issuer,
  wanted: Wanted,
  at: number,
  ports: MakingPorts,
): Promise<HeldKey> {
  const certificateOf = (spki: Uint8Array) => certifyFor(purpose, spki, root, wanted, at, ports)
  return await makeKey(purpose, wanted.instance, certificateOf, wanted, at, ports)
}

function certifyFor(
  purpose: CertifiedPurpose,
  spki: Uint8Array,
  root: Issuer,
  { trustDomain, instance, serverNames, dnsSuffixes }: Wanted,
  at: number,
  ports: MakingPorts,
): Promise<Certificate> {
  switch (purpose) {
    case 'x509-agents':
      return createAgentsIntermediate({ trustDomain, spki, at, dnsSuffixes }, root, ports)
    case 'x509-service':
      return createServiceIntermediate({ trustDomain, spki, at, names: serverNames }, root, ports)
    case 'events':
    case 'feed':
    case 'receipt':
      return createSigningCertificate(purpose, { trustDomain, instance, spki, at }, root, ports)
    default:
      throw new TypeError(`no certificate for ${String(purpose satisfies never)}`)
  }
}

async function makeKey(
  purpose: HeldKey['purpose'],
  instance: string | null,
  certificateOf: ((spki: Uint8Array) => Promise<Certificate>) | null,
  wanted: Wanted,
  at: number,
  { keys }: MakingPorts,
): Promise<HeldKey> {
  const key = await keys.create(purpose, algorithmFor(purpose, wanted))
  return asHeld(key, certificateOf === null ? null : await certificateOf(key.signer.spki), instance, at)
}

const asHeld = (key: NewKey, certificate: Certificate | null, instance: string | null, createdAt: number): HeldKey => ({
  ...key,
  certificate,
  instance,
  createdAt,
  retired: false,
})

function requireUsable(root: Certificate, at: number): Certificate {
  const begins = root.notBefore * 1000
  const ends = (root.notAfter + 1) * 1000
  if (begins <= at && at < ends) return root
  const life = `${isoTime(begins)} to ${isoTime(ends)}`
  throw new LanyardError(
    'not_ready',
    `expected a time in the life of the root, ${life}; this clock shows ${isoTime(at)}`,
  )
}
