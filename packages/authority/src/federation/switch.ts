import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import { takeTold } from '../kill/take.ts'
import { settle, Toll } from '../kill/toll.ts'
import type { Rows, Step } from '../ports.ts'

/**
 * Tells what a change of providers made of a tenant that federated, or did not, before it; and where it does from now
 * on, ends what began internally if the tenant has it so.
 */
export function* settleFederation(rows: Rows, tenant: string, before: boolean, act: Act): Step<void> {
  const after = yield* rows.idps.federates(tenant)
  if (after === before) return
  if (!after) return yield* rows.events.append(eventOf(act, 'federation.ended', { tenant }))
  const { onFederation: on_federation } = yield* rows.admissions.find(tenant)
  yield* rows.events.append(eventOf(act, 'federation.began', { tenant }, { on_federation }))
  if (on_federation === 'end') yield* endInternal(rows, tenant, act)
}

/** Ends all lineages of a tenant that no provider vouched for, as a revocation does: each agent is told of its own. */
export function* endInternal(rows: Rows, tenant: string, act: Act): Step<void> {
  const toll = new Toll()
  yield* takeTold(rows, toll, { by: { internalTo: tenant }, tenant }, REASON, act)
  if (toll.deaths.length > 0) yield* settle(rows, toll, act.at)
}

const REASON = 'an identity provider vouches for the agents of this tenant'
