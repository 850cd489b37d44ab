import { LanyardError } from '@lanyard/api'
import type { Act, CertificateCaller } from './caller.ts'
import { eventOf } from './event.ts'
import type { Rows, ServiceState, Step } from './ports.ts'

/** Milliseconds that an announced service is found without being announced again. */
export const SERVICE_LEASE_MS = 60_000
/** Places in which one agent serves at most. */
const SERVICES_MAX = 32

type OwnAct = Act & { readonly caller: CertificateCaller }

/** Says where the calling agent serves, or that it goes on there. Throws `too_many_services`. */
export function* announceService(rows: Rows, url: string, act: OwnAct): Step<ServiceState> {
  const { tenant, agent, spiffeId } = act.caller
  const before = yield* rows.services.find(act.caller, url)
  const goesOn = before !== undefined && act.at < before.leasedUntil
  if (!before && (yield* rows.services.count(act.caller)) >= SERVICES_MAX)
    throw new LanyardError('too_many_services', `expected at most ${SERVICES_MAX} URLs of one agent`)
  const since = goesOn ? before.since : act.at
  const service: ServiceState = { tenant, agent, spiffeId, url, since, leasedUntil: act.at + SERVICE_LEASE_MS }
  yield* rows.services.put(service)
  if (!goesOn) yield* rows.events.append(eventOf(act, 'service.announced', act.caller, { url }))
  return service
}

/** Says that the calling agent serves there no more. Throws `not_found`. */
export function* withdrawService(rows: Rows, url: string, act: OwnAct): Step<void> {
  const before = yield* rows.services.find(act.caller, url)
  if (!before) throw new LanyardError('not_found', 'this agent does not serve there')
  yield* rows.services.remove(act.caller, url)
  yield* rows.events.append(eventOf(act, 'service.withdrawn', act.caller, { url }))
}
