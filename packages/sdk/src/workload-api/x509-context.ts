import { createPrivateKey } from 'node:crypto'
import { type Bundle, encodePem, type TrustDomain } from '@lanyard/protocol'
import { codeOf, IdentityError } from '../errors.ts'
import { Svid } from '../identity/svid.ts'
import { authorityIn } from './authority-header.ts'
import { BundleSet, certificatesInARow, trustDomainOf, x509Bundle } from './bundles.ts'
import { EMPTY, X509BundlesResponse, X509SvidResponse } from './messages.ts'
import { Withheld } from './status.ts'
import type { Fetched, Watched } from './watch.ts'

/** An identity that the Workload API gave, with what it says of its use. */
export interface GivenSvid {
  readonly svid: Svid
  /** What the operator calls it; null: it has no such name. */
  readonly hint: string | null
}

/** All that the Workload API gave at a moment. What is not in it was withdrawn. */
export interface X509Context {
  /** At least one; the first is the default identity. */
  readonly svids: readonly GivenSvid[]
  /** Of the own trust domains and of those federated with. */
  readonly bundles: BundleSet
}

type Wire = ReturnType<typeof X509SvidResponse.decode>

/** The X.509 identities of this process. */
export const X509: Fetched<X509Context> = {
  rpc: 'FetchX509SVID',
  message: EMPTY.encode({}),
  read: bytes => readX509Context(bytes),
}

/** The same, and where the authority is, as Lanyard's daemon says it; null: that was not said. */
export interface GuidedContext extends X509Context {
  readonly authority: URL | null
}

export const GUIDED_X509: Watched<GuidedContext> = {
  ...X509,
  read: (bytes, metadata) => ({ ...readX509Context(bytes), authority: authorityIn(metadata) }),
}

/** @throws IdentityError `workload_api_reply_invalid`, `no_identity` */
function readX509Context(bytes: Uint8Array): X509Context {
  return sound(() => {
    const response = X509SvidResponse.decode(bytes)
    // The server should have refused instead; either way there is no identity.
    if (response.svids.length === 0) throw new Withheld('no_identity', 'expected an identity, got none')
    const federated = Array.from(response.federatedBundles, ([name, der]) => x509Bundle(trustDomainOf(name), der))
    const svids = response.svids.map(each => svidOf(each, federated))
    const own = new Map<string, Bundle>(svids.map(({ svid }) => [svid.trustDomain.name, svid.roots]))
    // One that speaks for itself needs no other to speak for it.
    return { svids, bundles: new BundleSet([...federated.filter(unknownTo(own)), ...own.values()]) }
  })
}

/** @throws IdentityError `workload_api_reply_invalid` */
export function readX509Bundles(bytes: Uint8Array): BundleSet {
  return sound(() => {
    const { bundles } = X509BundlesResponse.decode(bytes)
    return new BundleSet(Array.from(bundles, ([name, der]) => x509Bundle(trustDomainOf(name), der)))
  })
}

/** Runs a parser, and tells in one way of whatever it refuses. @throws IdentityError `workload_api_reply_invalid` */
export function sound<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof IdentityError) throw cause
    const detail = cause instanceof Error ? cause.message : ''
    throw new IdentityError('workload_api_reply_invalid', `the reply does not hold: ${codeOf(cause)}: ${detail}`, {
      cause,
    })
  }
}

function svidOf(
  { spiffeId, chain, key, bundle, hint }: Wire['svids'][number],
  federated: readonly Bundle[],
): GivenSvid {
  const [certificate = '', ...others] = certificatesInARow(chain).map(({ der }) => encodePem('CERTIFICATE', der))
  const roots = certificatesInARow(bundle).map(({ der }) => encodePem('CERTIFICATE', der))
  const svid = Svid.of({
    certificate,
    chain: others.join(''),
    bundle: roots.join(''),
    privateKey: createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' }),
    federated,
  })
  if (`${svid.id}` !== spiffeId) throw new TypeError(`expected a certificate for ${spiffeId}, got one for ${svid.id}`)
  return { svid, hint: hint === '' ? null : hint }
}

const unknownTo =
  (own: ReadonlyMap<string, unknown>) =>
  ({ trustDomain }: { readonly trustDomain: TrustDomain }) =>
    !own.has(trustDomain.name)
