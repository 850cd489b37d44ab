import { type Act, requireTenant } from '../caller.ts'
import { eventOf } from '../event.ts'
import { isKilled } from '../liveness.ts'
import type { Rows, Step, TenantState } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { agentDeathWithTenant, tenantDeath } from './deaths.ts'
import { type Killed, type KillRequest, openIncident, repeated } from './incident.ts'
import { lapseOf } from './lapse.ts'
import { lastEnd } from './take.ts'
import { Toll } from './toll.ts'

/**
 * Kills all agents of a tenant, and refuses new ones until it is reinstated. Throws `name_invalid`, `tenant_mismatch`,
 * `tenant_unknown`, `incident_conflict`.
 */
export function* killTenant(rows: Rows, name: string, request: KillRequest, act: Act): Step<Killed> {
  requireTenant(act.caller, name)
  const known = yield* repeated(rows, request, act)
  if (known) return known
  const before = yield* requireTenantState(rows, name, act)
  const ttlUntil = yield* lapseOf(rows, request, ['tenant', name], isKilled(before), act)
  const toll = new Toll()
  yield* takeTenant(rows, toll, before, request.reason, act)
  const target = { kind: 'tenant', tenant: name } as const
  return yield* openIncident(rows, toll, { tenant: name, target, scope: 'agent', ttlUntil }, request, act)
}

function* takeTenant(rows: Rows, toll: Toll, before: TenantState, reason: string, act: Act): Step<void> {
  const { tenant } = before
  // A second kill of the dead belongs to the first one, whose time says which agents a reinstatement gives back.
  const killedAt = isKilled(before) ? yield* diedAt(rows, before) : act.at
  const after: TenantState = { ...before, deadThrough: before.incarnation, updatedAt: act.at }
  const holding = yield* rows.agents.holding(tenant)
  const end = yield* lastEnd(rows, { tenant }, act.at)
  yield* rows.tenants.update(after)
  const agents = yield* rows.agents.quarantineAll(tenant, killedAt)
  yield* rows.lineages.endAllOf(tenant)
  const revoked = yield* rows.certificates.revoke({ tenant }, { at: act.at, reason })
  const detail = { reason, dead_through: after.deadThrough, agents, revoked: revoked.length }
  yield* rows.events.append(eventOf(act, 'tenant.killed', { tenant }, detail))
  for (const agent of holding) {
    toll.tookAgent(agent)
    toll.died({ ...agentDeathWithTenant(agent, act.at), at: killedAt })
  }
  toll.tookCertificates(revoked.length, end)
  toll.died(tenantDeath(after, killedAt))
}

/** When a dead tenant died, in Unix ms. */
export function* diedAt(rows: Rows, { tenant, updatedAt }: TenantState): Step<number> {
  return (yield* rows.deaths.find('tenant', tenant))?.at ?? updatedAt
}
