import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { AgentKey, IncidentState, Rows, ServiceState, Step } from '../ports.ts'

/** Services that one look finds. */
const BATCH = 200

/** Takes out of the registry where the killed serve; whoever lives announces itself again. */
export function* takeServices(
  rows: Rows,
  incident: IncidentState,
  act: Act & { readonly caller: 'server' },
): Step<void> {
  if (incident.target.kind === 'tenant') return yield* takeServicesOf(rows, incident.target.tenant, incident, act)
  for (const name of incident.taken.agents) {
    const [tenant, agent] = name.split('/') as [string, string]
    yield* takeAll(rows, { tenant, agent }, incident, act)
  }
}

function* takeServicesOf(
  rows: Rows,
  tenant: string,
  incident: IncidentState,
  act: Act & { readonly caller: 'server' },
): Step<void> {
  for (;;) {
    const page = { limit: BATCH, after: null }
    const { items } = yield* rows.services.list({ tenant, now: act.at }, page)
    if (items.length === 0) return
    for (const service of distinct(items)) yield* takeAll(rows, service, incident, act)
  }
}

const distinct = (services: readonly ServiceState[]): Iterable<ServiceState> =>
  new Map(services.map(service => [service.spiffeId, service])).values()

function* takeAll(
  rows: Rows,
  key: AgentKey,
  { id }: IncidentState,
  act: Act & { readonly caller: 'server' },
): Step<void> {
  const urls = yield* rows.services.removeAll(key)
  for (const url of urls) yield* rows.events.append(eventOf(act, 'service.withdrawn', key, { url, incident: id }))
}
