import { create } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import { X509BundlesResponseSchema, X509SVIDResponseSchema } from '../../gen/workload_pb.js'
import { callerOf } from '../grpc/caller.ts'
import type { Bundles, Workloads } from '../ports.ts'
import { byTrustDomain, derOf, federatedByTrustDomain, rootsOf } from './bundles.ts'
import { uniqueHints } from './hints.ts'
import { bundlesOf, changesOf, type Identities, identitiesOf } from './states.ts'

/** The X.509-SVID profile. */
export const x509Profile = (workloads: Workloads) => ({
  fetchX509SVID: (_request: object, context: HandlerContext) =>
    changesOf(X509SVIDResponseSchema, svidResponses(identitiesOf(workloads, callerOf(context), context.signal))),
  fetchX509Bundles: (_request: object, context: HandlerContext) =>
    changesOf(X509BundlesResponseSchema, bundleResponses(bundlesOf(workloads, callerOf(context), context.signal))),
})

async function* svidResponses(states: AsyncIterable<Identities>) {
  for await (const state of states) yield svidResponse(state)
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
