import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { Code, type HandlerContext, type ServiceImpl } from '@connectrpc/connect'
import {
  type Health,
  type HealthCheckResponseSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '../../gen/grpc/health/v1/health_pb.js'
import { grpcError } from './refusal.ts'

/** Longest name that comes back in a message. */
const LONGEST_NAME = 100

/** gRPC health: as long as somebody answers, all `services` and the server as a whole (the empty name) serve. */
export function health(services: readonly string[]): ServiceImpl<typeof Health> {
  const known = new Set(['', ...services])
  const serving: MessageInitShape<typeof HealthCheckResponseSchema> = { status: Status.SERVING }
  return {
    check({ service }) {
      if (!known.has(service))
        throw grpcError(Code.NotFound, 'not_found', `there is no service ${service.slice(0, LONGEST_NAME)}`)
      return serving
    },
    list: () =>
      create(HealthListResponseSchema, { statuses: Object.fromEntries([...known].map(name => [name, serving])) }),
    // A name that nobody knows is no error here: the service may come later.
    async *watch({ service }, { signal }) {
      yield known.has(service) ? serving : { status: Status.SERVICE_UNKNOWN }
      await aborted(signal)
      signal.throwIfAborted()
    },
  }
}

function aborted(signal: HandlerContext['signal']): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
