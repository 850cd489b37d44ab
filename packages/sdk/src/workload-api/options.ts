import { systemTime, type TimeSource } from '../time.ts'
import { type Endpoint, endpointOf } from './address.ts'
import { trustedUids } from './trusted-socket.ts'

/** Where a Workload API is, and whom it may be served by. */
export interface WorkloadApiOptions {
  /** `unix:///PATH` or `tcp://IP:PORT` on this machine; `SPIFFE_ENDPOINT_SOCKET` of the environment when absent. */
  readonly socket?: string
  /**
   * Users (by number) beside root and the own one who may own the socket and the folders above it, and listen there. Node
   * cannot ask the kernel who listens; where the package `koffi` is installed that is asked too.
   */
  readonly trustedUids?: readonly number[]
  /** Where the time comes from; for tests. */
  readonly time?: TimeSource
}

/** The same, read. */
export interface Place {
  readonly endpoint: Endpoint
  readonly uids: ReadonlySet<number> | null
  readonly time: TimeSource
}

/** @throws IdentityError `workload_api_address_invalid` */
export function placeOf(options: WorkloadApiOptions): Place {
  return {
    endpoint: endpointOf(options.socket),
    uids: trustedUids(options.trustedUids ?? []),
    time: options.time ?? systemTime,
  }
}
