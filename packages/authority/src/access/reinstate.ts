import { LanyardError } from '@lanyard/api'
import { type Act, requirePermission } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { Rows, Step } from '../ports.ts'
import { scopesBarred } from './shut-out.ts'

/**
 * Lets somebody come again whom a kill shut out: within the tenant that the caller sees, or everywhere. What was minted
 * stays dead, and so does every credential that was issued until now: whoever stole one would be let in with it. As
 * agents, by whoever may reinstate: what somebody gets back with that may be more than one holds who only gives roles.
 * Throws `permission_missing`, `not_found`.
 */
export function* reinstatePrincipal(rows: Rows, principal: string, act: Act): Step<void> {
  requirePermission(act.caller, 'agent.reinstate')
  const own = act.caller === 'server' ? null : act.caller.tenant
  const barred = scopesBarred(yield* rows.barredPrincipals.of(principal))
  const scopes = barred.filter(scope => own === null || scope === own)
  if (scopes.length === 0) throw new LanyardError('not_found', 'nobody of this id was shut out')
  for (const tenant of scopes) {
    yield* rows.barredPrincipals.lift(principal, tenant, act.at)
    yield* rows.events.append(eventOf(act, 'principal.reinstated', { tenant }, { id: principal }))
  }
}
