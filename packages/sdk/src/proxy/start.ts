import { IdentityError } from '../errors.ts'
import { type Keeper, type Started, startFrom } from '../identity/start.ts'
import type { Svid } from '../identity/svid.ts'
import { choiceOf, type WorkloadOptions } from '../identity/workload-options.ts'
import type { Carrier } from '../mtls/carrier.ts'
import { type Place, placeOf } from '../workload-api/options.ts'
import { MISTAKES } from '../workload-api/status.ts'
import { DaemonGuard } from './guard.ts'
import { join } from './join.ts'
import { DaemonListener } from './listener.ts'
import { DaemonSource } from './source.ts'
import { proxyPathOf } from './wire.ts'

/**
 * Waits for the identity that was chosen; its key stays with the daemon.
 *
 * @throws IdentityError, ProtocolError, TypeError
 */
export async function startKeyless(options: WorkloadOptions): Promise<Started> {
  const place = proxyPlace(placeOf(options))
  const source = new DaemonSource(place, choiceOf(options))
  const { signal, startTimeoutMs } = options
  const { svid, attach } = await startFrom(source, {
    ...{ signal, startTimeoutMs, time: place.time, atOnce: MISTAKES },
    silent: 'workload_api_unavailable',
  })
  return { svid, attach, keeper: keeperOf(place, source, svid) }
}

function keeperOf(place: Place, source: DaemonSource, { id }: Svid): Keeper {
  return {
    carrier: daemonKeys(place, source, `${id}`),
    guard: ports => {
      const guard = new DaemonGuard(ports)
      source.onStanding((standing, error) => guard.tell(standing, error))
      return guard
    },
  }
}

/** By keys that the daemon holds. */
function daemonKeys(place: Place, source: DaemonSource, id: string): Carrier {
  return {
    dial: (_svid, { host, port, alpn, judge, signal }) =>
      join(place, { do: 'connect', id, host, port, alpn }, judge, signal),
    listen: (server, options) => {
      const listener = new DaemonListener(place, server, id, options)
      source.onGiven(() => listener.reopen())
      return listener.serve(server)
    },
    serverOptions: () => null,
  }
}

function proxyPlace(place: Place): Place {
  const { endpoint } = place
  if (endpoint.kind === 'unix') return { ...place, endpoint: { kind: 'unix', path: proxyPathOf(endpoint.path) } }
  throw new IdentityError('workload_api_address_invalid', 'expected unix:///PATH with keys: "daemon"')
}
