import { parseAuthorityUrl } from '../client/connect.ts'
import { livenessOf } from '../feed/options.ts'
import { startKeyless } from '../proxy/start.ts'
import { Channel } from '../workload-api/channel.ts'
import { placeOf } from '../workload-api/options.ts'
import { MISTAKES } from '../workload-api/status.ts'
import { type Started, startFrom } from './start.ts'
import { choiceOf, type WorkloadOptions } from './workload-options.ts'
import { WorkloadSource } from './workload-source.ts'

/**
 * Waits for the identity that was chosen. The authority is the one of the options, or of the environment, or the one that the
 * Workload API names; null: there is none.
 *
 * @throws IdentityError, ProtocolError, TypeError
 */
export async function startWorkload(
  options: WorkloadOptions,
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly started: Started; readonly authority: URL | null }> {
  const { signal, startTimeoutMs, keys = 'memory' } = options
  if (keys !== 'memory' && keys !== 'daemon') throw new TypeError(`expected keys as memory or daemon, got ${keys}`)
  // The daemon hears of kills then, and it knows its authority.
  if (keys === 'daemon') return { started: await startKeyless(options), authority: null }
  const named = options.authority === undefined ? environment.LANYARD_URL || undefined : options.authority
  const authority = named == null ? named : parseAuthorityUrl(named)
  // Now, since later it would depend on whether the server names an authority.
  if (options.liveness) livenessOf(options.liveness, '')
  const place = placeOf(options)
  const source = new WorkloadSource(new Channel(place), choiceOf(options))
  const started = await startFrom(source, {
    ...{ signal, startTimeoutMs, time: place.time },
    atOnce: MISTAKES,
    silent: 'workload_api_unavailable',
  })
  return { started, authority: authority === undefined ? source.authority : authority }
}
