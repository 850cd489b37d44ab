import { LanyardError } from '@lanyard/api'
import { AUTHORITY_LIFE } from '../ca/lives.ts'
import type { ManagerAct } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { Rows, Step } from '../ports.ts'
import { issuerDeath } from './deaths.ts'
import { type Killed, type KillRequest, openIncident } from './incident.ts'
import { Toll } from './toll.ts'

/**
 * Puts an instance out of service: its intermediates are dead by key id. Who may speak of one tenant alone may not do
 * this to all. Throws `tenant_mismatch`, `not_found`, `lifecycle_forbidden` for one that was evicted before.
 */
export function* evictInstance(rows: Rows, instance: string, request: KillRequest, act: ManagerAct): Step<Killed> {
  if (act.caller.tenant !== null)
    throw new LanyardError('tenant_mismatch', 'expected an API key of all tenants, since an instance serves all')
  const found = yield* rows.instances.find(instance)
  if (!found) throw new LanyardError('not_found', 'there is no such instance')
  if (found.evictedAt !== null) throw new LanyardError('lifecycle_forbidden', 'this instance was evicted before')
  const issuers = yield* rows.instances.issuers(instance, act.at)
  const toll = new Toll()
  yield* rows.instances.evict(instance, act.at)
  // Whoever took its keys along goes on signing, until the intermediates end.
  const end = act.at + AUTHORITY_LIFE.intermediate * 1000
  for (const issuer of issuers) toll.died(issuerDeath(issuer, end + 60_000))
  toll.unguardedUntil = issuers.length > 0 ? end : null
  const { reason } = request
  yield* rows.events.append(eventOf(act, 'instance.evicted', {}, { instance, reason, issuers }))
  const target = { kind: 'instance', value: instance } as const
  const opening = { tenant: null, target, scope: 'agent', ttlUntil: null } as const
  return yield* openIncident(rows, toll, opening, request, act)
}
