import type { Socket } from 'node:net'
import type { ConnectRouter } from '@connectrpc/connect'
import { SecretDiscoveryService } from '../../gen/envoy/service/secret/v3/sds_pb.js'
import { Health } from '../../gen/grpc/health/v1/health_pb.js'
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.js'
import { ServerReflection as ServerReflectionAlpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.js'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import { health } from '../grpc/health.ts'
import { GRPC_LIMITS, type GrpcLimits } from '../grpc/limits.ts'
import { reflection } from '../grpc/reflection.ts'
import { type GrpcServer, serveGrpc } from '../grpc/serve.ts'
import { processOfSocket } from '../peer/index.ts'
import type { HeldProcess, Log, Meter, Time, Workloads } from '../ports.ts'
import { SDS_NAMES, type SdsNames } from '../sds/names.ts'
import { secretDiscovery } from '../sds/service.ts'
import { jwtProfile, type KnownDeaths } from './jwt.ts'
import { requireSecurityHeader } from './security-header.ts'
import { countSubscribers } from './subscribers.ts'
import { witProfile } from './wit.ts'
import { x509Profile } from './x509.ts'

export interface WorkloadApiOptions {
  /** `unix:///PATH`, or an absolute path of at most 107 bytes. TCP is refused. */
  readonly path: string
  readonly workloads: Workloads
  readonly log: Log
  readonly meter: Meter
  readonly time: Time
  /** `https:` URL of the authority, which whoever gets an X.509-SVID is told; nothing is told when absent. */
  readonly authority?: string
  readonly limits?: Partial<GrpcLimits>
  /** Names that Envoy asks for, where they shall be others. */
  readonly sdsNames?: Partial<SdsNames>
  /** Tokens of these are not valid; when absent, tokens are judged by signature and time alone. */
  readonly deaths?: KnownDeaths
  /** Who is at the other end of a connection; asks the kernel when absent. */
  readonly processOf?: (socket: Socket) => HeldProcess
}

/**
 * Serves the SPIFFE Workload API, Envoy's secret discovery, health and reflection on one Unix socket.
 *
 * @throws LanyardError `socket_unusable`, `permissions_too_wide` for a folder where others could replace the socket,
 *   `config_invalid` for an address that is not the path of a Unix socket
 */
export function serveWorkloadApi(options: WorkloadApiOptions): Promise<GrpcServer> {
  const { path, log, meter, time, processOf = processOfSocket } = options
  const limits = { ...GRPC_LIMITS, ...options.limits }
  const workloads = countSubscribers(options.workloads, meter)
  const authority = options.authority === undefined ? null : plainUrl(options.authority)
  const sdsNames = { ...SDS_NAMES, ...options.sdsNames }
  const routes = (router: ConnectRouter) => {
    router.service(
      SpiffeWorkloadAPI,
      {
        ...x509Profile(workloads, authority),
        ...jwtProfile(workloads, time, options.deaths),
        ...witProfile(workloads, time),
      },
      { requestGate: requireSecurityHeader },
    )
    // Envoy cannot send the header. It is attested like everyone else, so it gets what is its own and no more.
    router.service(SecretDiscoveryService, secretDiscovery({ workloads, log, names: sdsNames }), {
      readMaxBytes: limits.messageBytes,
    })
    router.service(Health, health(SERVICES.map(({ typeName }) => typeName)))
    router.service(ServerReflection, reflection(SERVICES))
    router.service(ServerReflectionAlpha, reflection(SERVICES) as object)
  }
  return serveGrpc({ path, routes, processOf, log, meter, time, limits })
}

/** What of a URL every workload may know, in characters that a header can hold; a comma would be read as two of them. */
function plainUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname.replaceAll(',', '%2C')
}

const SERVICES = [SpiffeWorkloadAPI, SecretDiscoveryService, Health, ServerReflection, ServerReflectionAlpha] as const
