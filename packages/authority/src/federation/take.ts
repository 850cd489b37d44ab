import { LanyardError } from '@lanyard/api'
import { type Act, type ManagerAct, maySee, requirePermission } from '../caller.ts'
import { takeLinked } from '../kill/take.ts'
import type { Toll } from '../kill/toll.ts'
import type { IdpState, Rows, Step } from '../ports.ts'
import { changeIdp } from './idps.ts'

/** What a kill of a provider finds: its tenant, and how it is taken. */
export interface FoundIdp {
  readonly tenant: string
  take(toll: Toll): Step<void>
}

/**
 * A provider that was found out: all that it vouched for ends, and it vouches for nobody until somebody enables it
 * again; else it would have it minted again at once. One that was deleted is found by what it left. Throws `not_found`,
 * `permission_missing`.
 */
export function* findIdpToTake(rows: Rows, id: string, reason: string, act: ManagerAct): Step<FoundIdp> {
  const by = { mintedBy: `idp:${id}` }
  const idp = yield* rows.idps.findById(id)
  const tenant = idp?.tenant ?? (yield* rows.lineages.linked(by, act.caller.tenant, 1))[0]?.tenant
  if (tenant === undefined || !maySee(act.caller, tenant))
    throw new LanyardError('not_found', 'there is no such identity provider')
  requirePermission(act.caller, 'idp.manage')
  return {
    tenant,
    take: toll => takeIdp(rows, toll, { id, tenant }, reason, act),
  }
}

/** Ends what a provider vouched for, and switches it off if it is still there. */
export function* takeIdp(
  rows: Rows,
  toll: Toll,
  { id, tenant }: Pick<IdpState, 'id' | 'tenant'>,
  reason: string,
  act: Act,
): Step<void> {
  yield* takeLinked(rows, toll, { by: { mintedBy: `idp:${id}` }, tenant }, reason, act)
  const idp = yield* rows.idps.findById(id)
  if (!idp?.enabled) return
  yield* changeIdp(rows, idp, { enabled: false }, act, reason)
  toll.switchedOff.push(`idp:${id}`)
}
