import { createPrivateKey } from 'node:crypto'
import { type Bundle, encodePem, equalBytes, type TrustDomain } from '@lanyard/protocol'
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

/** The X.509 identities of this process, for one reader. */
export function x509(): Fetched<X509Context> {
  const reader = new X509Reader()
  return { rpc: 'FetchX509SVID', message: EMPTY.encode({}), read: bytes => reader.read(bytes) }
}

/** The same, and where the authority is, as Lanyard's daemon says it; null: that was not said. */
export interface GuidedContext extends X509Context {
  readonly authority: URL | null
}

export function guidedX509(): Watched<GuidedContext> {
  const { read, ...rest } = x509()
  return { ...rest, read: (bytes, metadata) => ({ ...read(bytes), authority: authorityIn(metadata) }) }
}

/** An SVID with the bytes that it was made of. */
interface Read {
  readonly wire: Wire['svids'][number]
  readonly svid: Svid
}

/** Bundles of others with the bytes that they were made of. */
interface ReadBundles {
  readonly wire: Wire['federatedBundles']
  readonly bundles: readonly Bundle[]
}

/**
 * Reads one message after the other. Each says everything anew, as often as one identity of many is renewed: what came in
 * the same bytes is the same object again, and is not verified a second time. Nothing outlasts the message that lacks it.
 */
class X509Reader {
  #last: readonly Read[] = []
  #federated: ReadBundles = { wire: new Map(), bundles: [] }

  /** @throws IdentityError `workload_api_reply_invalid`, `no_identity` */
  read(bytes: Uint8Array): X509Context {
    return sound(() => {
      const response = X509SvidResponse.decode(bytes)
      const given = this.#svids(response)
      // The server should have refused instead; either way there is no identity.
      if (given.length === 0) throw new Withheld('no_identity', 'expected an identity, got none')
      const svids = given.map(({ wire: { hint }, svid }) => ({ svid, hint: hint === '' ? null : hint }))
      const own = new Map<string, Bundle>(svids.map(({ svid }) => [svid.trustDomain.name, svid.roots]))
      // One that speaks for itself needs no other to speak for it.
      return { svids, bundles: new BundleSet([...this.#federated.bundles.filter(unknownTo(own)), ...own.values()]) }
    })
  }

  #svids({ svids, federatedBundles }: Wire): readonly Read[] {
    if (!sameBundles(federatedBundles, this.#federated.wire)) {
      const parsed = Array.from(federatedBundles, ([name, der]) => x509Bundle(trustDomainOf(name), der))
      this.#federated = { wire: federatedBundles, bundles: parsed }
      // Each SVID says whom of the others it believes.
      this.#last = []
    }
    const { bundles } = this.#federated
    this.#last = svids.map(wire => {
      const known = this.#last.find(each => sameSvid(each.wire, wire))
      return { wire, svid: known?.svid ?? svidOf(wire, bundles) }
    })
    return this.#last
  }
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

function svidOf({ spiffeId, chain, key, bundle }: Read['wire'], federated: readonly Bundle[]): Svid {
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
  return svid
}

function sameSvid(one: Read['wire'], other: Read['wire']): boolean {
  const { spiffeId, chain, key, bundle } = one
  if (spiffeId !== other.spiffeId || !equalBytes(chain, other.chain)) return false
  return equalBytes(key, other.key) && equalBytes(bundle, other.bundle)
}

function sameBundles(one: Wire['federatedBundles'], other: Wire['federatedBundles']): boolean {
  if (one.size !== other.size) return false
  for (const [name, der] of one) {
    const known = other.get(name)
    if (known === undefined || !equalBytes(der, known)) return false
  }
  return true
}

const unknownTo =
  (own: ReadonlyMap<string, unknown>) =>
  ({ trustDomain }: { readonly trustDomain: TrustDomain }) =>
    !own.has(trustDomain.name)
