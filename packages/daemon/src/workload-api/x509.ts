import { create } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import { X509BundlesResponseSchema, X509SVIDResponseSchema } from '../../gen/workload_pb.js'
import { callerOf } from '../grpc/caller.ts'
import type { Bundles, Workloads } from '../ports.ts'
import { byTrustDomain, derOf, federatedByTrustDomain, rootsOf } from './bundles.ts'
import { uniqueHints } from './hints.ts'
import { bundlesOf, changesOf, type Identities, identitiesOf } from './states.ts'

/** Metadata beside X.509-SVIDs: the URL of the authority, whose feed tells who is dead. */
export const AUTHORITY_HEADER = 'lanyard-authority'

/** The X.509-SVID profile. Whoever gets an identity is told `authority`, the URL of it; null: nothing is told. */
export const x509Profile = (workloads: Workloads, authority: string | null) => ({
  fetchX509SVID: (_request: object, context: HandlerContext) => {
    const states = identitiesOf(workloads, callerOf(context), context.signal)
    const tell = () => authority !== null && context.responseHeader.set(AUTHORITY_HEADER, authority)
    return changesOf(X509SVIDResponseSchema, svidResponses(states, tell))
  },
  fetchX509Bundles: (_request: object, context: HandlerContext) =>
    changesOf(X509BundlesResponseSchema, bundleResponses(bundlesOf(workloads, callerOf(context), context.signal))),
})

async function* svidResponses(states: AsyncIterable<Identities>, tell: () => void) {
  for await (const state of states) {
    // Not before: who has no identity is told nothing. After the first message it changes nothing.
    tell()
    yield svidResponse(state)
  }
}

async function* bundleResponses(states: AsyncIterable<Bundles>) {
  for await (const bundles of states)
    yield create(X509BundlesResponseSchema, { bundles: byTrustDomain(bundles, rootsOf) })
}

function svidResponse({ svids, bundles }: Identities) {
  const unique = uniqueHints()
  const bundle = rootsOf(bundles.own)
  return create(X509SVIDResponseSchema, {
    svids: svids.map(({ id, chain, keyDer, hint }) => ({
      spiffeId: id.toString(),
      x509Svid: derOf(chain),
      x509SvidKey: keyDer as Uint8Array<ArrayBuffer>,
      bundle,
      hint: unique(hint),
    })),
    federatedBundles: federatedByTrustDomain(bundles, rootsOf),
  })
}
