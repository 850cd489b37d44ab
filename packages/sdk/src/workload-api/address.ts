import { isIP } from 'node:net'
import process from 'node:process'
import { IdentityError } from '../errors.ts'

/** Where a Workload API is served. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** Names the endpoint where the caller does not (SPIFFE Workload Endpoint, 4). */
export const ENDPOINT_VARIABLE = 'SPIFFE_ENDPOINT_SOCKET'

/**
 * The endpoint that was given, or else the one in the environment.
 *
 * @throws IdentityError `workload_api_address_invalid`
 */
export function endpointOf(socket: string | undefined, environment: NodeJS.ProcessEnv = process.env): Endpoint {
  const address = socket ?? environment[ENDPOINT_VARIABLE]
  if (address === undefined || address === '') throw invalid(`expected ${ENDPOINT_VARIABLE} or the option socket`)
  return parseEndpoint(address)
}

/**
 * `unix:///absolute/path`, or `tcp://IP:port` (SPIFFE Workload Endpoint, 3). An absolute path alone is taken as the first.
 *
 * @throws IdentityError `workload_api_address_invalid`
 */
export function parseEndpoint(address: string): Endpoint {
  if (/^\/[^\0]+$/.test(address)) return { kind: 'unix', path: address }
  const unix = /^unix:(?:\/\/)?(\/(?!\/)[^\0?#]+)$/.exec(address)
  if (unix !== null) return { kind: 'unix', path: unix[1]! }
  const tcp = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[0-9.]+):([0-9]{1,5})$/.exec(address)
  if (tcp !== null) {
    const host = tcp[1]!.replace(/[[\]]/g, '')
    const port = Number(tcp[2])
    if (isIP(host) !== 0 && port > 0 && port <= 65_535) return { kind: 'tcp', host, port }
  }
  throw invalid(`expected unix:///PATH or tcp://IP:PORT, got ${JSON.stringify(address.slice(0, 200))}`)
}

const invalid = (detail: string) => new IdentityError('workload_api_address_invalid', detail)
