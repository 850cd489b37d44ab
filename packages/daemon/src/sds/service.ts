import type { HandlerContext } from '@connectrpc/connect'
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.js'
import type { Status } from '../../gen/google/rpc/status_pb.js'
import { callerOf } from '../grpc/caller.ts'
import { interleave } from '../grpc/interleave.ts'
import { deniedError, invalidError } from '../grpc/refusal.ts'
import type { Log, Workloads } from '../ports.ts'
import { identitiesOf } from '../workload-api/states.ts'
import { DeltaStream } from './delta.ts'
import type { SdsNames } from './names.ts'
import { SECRET_TYPE } from './secrets.ts'
import type { SdsStream } from './stream.ts'
import { WholeStream } from './whole.ts'

export interface SdsParts {
  readonly workloads: Workloads
  readonly log: Log
  readonly names: SdsNames
}

/** Envoy's secret discovery, for the workload that Envoy is: the same identities that the Workload API gives it. */
export function secretDiscovery(parts: SdsParts) {
  const { names } = parts
  return {
    streamSecrets: (requests: AsyncIterable<DiscoveryRequest>, context: HandlerContext) =>
      converse<DiscoveryRequest, DiscoveryResponse>(parts, new WholeStream(names), requests, context),
    deltaSecrets: (requests: AsyncIterable<DeltaDiscoveryRequest>, context: HandlerContext) =>
      converse<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(parts, new DeltaStream(names), requests, context),
    fetchSecrets: (request: DiscoveryRequest, context: HandlerContext) => fetched(parts, request, context),
  }
}

interface AnyRequest {
  readonly typeUrl: string
  readonly responseNonce: string
  readonly errorDetail?: Status | undefined
}

async function* converse<Request extends AnyRequest, Response>(
  { workloads, log }: SdsParts,
  stream: SdsStream<Request, Response>,
  requests: AsyncIterable<Request>,
  context: HandlerContext,
): AsyncGenerator<Response> {
  const caller = callerOf(context)
  const states = (signal: AbortSignal) => identitiesOf(workloads, caller, signal)
  let told = false
  try {
    for await (const { from, value } of interleave(context.signal, () => requests, states)) {
      if (from === 'first') {
        requireSecretType(value.typeUrl)
        if (value.errorDetail && !told) {
          // Once for a stream, and not all of it: it is the caller's own text.
          told = true
          log.warn({ pid: caller.pid, detail: value.errorDetail.message.slice(0, 512) }, 'Envoy refused a secret')
        }
      }
      const response = from === 'first' ? stream.asked(value) : stream.changed(value)
      if (response !== null) yield response
    }
  } catch (error) {
    const last = context.signal.aborted ? null : stream.withdrawn()
    if (last !== null) yield last
    throw error
  }
}

async function fetched({ workloads, names }: SdsParts, request: DiscoveryRequest, context: HandlerContext) {
  requireSecretType(request.typeUrl)
  const stream = new WholeStream(names)
  stream.asked({ ...request, responseNonce: '' })
  for await (const state of identitiesOf(workloads, callerOf(context), context.signal)) return stream.changed(state)!
  throw deniedError('workload_gone', 'the process that connected has ended')
}

function requireSecretType(type: string): void {
  if (type !== '' && type !== SECRET_TYPE)
    throw invalidError('body_invalid', `expected ${SECRET_TYPE}, got another type`)
}
