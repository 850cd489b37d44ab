import type { Certificate, TrustDomain } from '@lanyard/protocol'
import { type CaPorts, certify, type Issuer } from './certify.ts'
import { type AllowedNames, constrainTo } from './constraints.ts'
import { AUTHORITY_LIFE, lifeFrom } from './lives.ts'
import { proveAuthority } from './prove.ts'
import { authorityExtensions, authorityName } from './root.ts'

/** What an intermediate is made of. */
export interface IntermediateInput {
  readonly trustDomain: TrustDomain
  /** DER SubjectPublicKeyInfo of its key. */
  readonly spki: Uint8Array
  /** Unix milliseconds. */
  readonly at: number
}

/**
 * The intermediate of one instance that signs for agents: SPIFFE IDs of the trust domain, DNS names under the
 * configured suffixes or none at all, no addresses. Seven days.
 */
export async function createAgentsIntermediate(
  input: IntermediateInput & { readonly dnsSuffixes: readonly string[] },
  root: Issuer,
  ports: CaPorts,
): Promise<Certificate> {
  return await createIntermediate('agents', input, { dns: input.dnsSuffixes, ips: [] }, root, ports)
}

/**
 * The intermediate of one instance that signs for the instance itself: exactly the names that its server has. So the
 * key that signs for agents can make no certificate that a client would take for the authority's own server.
 */
export async function createServiceIntermediate(
  input: IntermediateInput & { readonly names: AllowedNames },
  root: Issuer,
  ports: CaPorts,
): Promise<Certificate> {
  return await createIntermediate('service', input, input.names, root, ports)
}

async function createIntermediate(
  kind: 'agents' | 'service',
  { trustDomain, spki, at }: IntermediateInput,
  names: AllowedNames,
  root: Issuer,
  ports: CaPorts,
): Promise<Certificate> {
  const draft = {
    subject: authorityName(kind, spki, ports),
    spki,
    ...lifeFrom(at, AUTHORITY_LIFE.intermediate, root.certificate),
    extensions: [...authorityExtensions(trustDomain, 0), constrainTo(trustDomain, names)],
  }
  const certificate = await certify(draft, root, ports)
  const expected = { trustDomain, pathLength: 0, spki, roots: [root.certificate], at }
  return proveAuthority(certificate, expected, ports.crypto)
}
