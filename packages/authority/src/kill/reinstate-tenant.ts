import { LanyardError } from '@lanyard/api'
import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import { isKilled } from '../liveness.ts'
import type { Rows, Step, TenantState } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { tenantRebirth } from './deaths.ts'
import { diedAt } from './kill-tenant.ts'
import { settle, Toll } from './toll.ts'

/**
 * Lets the agents that the kill of their tenant took begin again, each in its next incarnation; gives how many. Those
 * that were quarantined by themselves stay so. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `lifecycle_forbidden`.
 */
export function* reinstateTenant(rows: Rows, name: string, reason: string, act: Act): Step<number> {
  const before = yield* requireTenantState(rows, name, act)
  if (!isKilled(before)) throw new LanyardError('lifecycle_forbidden', `expected a killed tenant, ${name} lives`)
  const killedAt = yield* diedAt(rows, before)
  const after: TenantState = { ...before, incarnation: before.deadThrough + 1, updatedAt: act.at }
  const toll = new Toll()
  yield* rows.tenants.update(after)
  const agents = yield* rows.agents.reinstateAll(name, killedAt, act.at)
  const detail = { reason, incarnation: after.incarnation, agents }
  yield* rows.events.append(eventOf(act, 'tenant.reinstated', { tenant: name }, detail))
  toll.died(tenantRebirth(after, act.at))
  yield* settle(rows, toll, act.at)
  return agents
}
