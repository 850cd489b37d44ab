import type { Act } from '../caller.ts'
import { isKilled } from '../liveness.ts'
import type { DeathKind, IncidentState, Rows, Step } from '../ports.ts'
import { reinstateAgent } from '../registry/agents.ts'
import type { KillRequest } from './incident.ts'
import { reinstateTenant } from './reinstate-tenant.ts'

/**
 * When a kill shall end by itself, in Unix ms; null: never. What was dead before stays so for as long as whatever killed
 * it says, or a rule that fires at a dead agent's knocking would bring it back.
 */
export function* lapseOf(
  rows: Rows,
  { ttlSec }: Pick<KillRequest, 'ttlSec'>,
  [kind, value]: readonly [DeathKind, string],
  wasDead: boolean,
  { at }: Act,
): Step<number | null> {
  if (ttlSec === undefined) return null
  const until = at + ttlSec * 1000
  if (!wasDead) return until
  const death = yield* rows.deaths.find(kind, value)
  const before = death ? yield* rows.incidents.lapseAt(death.epoch) : null
  return before === null ? null : Math.max(before, until)
}

/**
 * Ends the time to live of an incident: what it quarantined is reinstated, unless something else killed it since, or
 * somebody reinstated it before. Gives whether anything was reinstated.
 */
export function* lapseIncident(rows: Rows, id: string, act: Act & { readonly caller: 'server' }): Step<boolean> {
  const incident = yield* rows.incidents.find(id)
  if (!incident || incident.ttlUntil === null || act.at < incident.ttlUntil) return false
  const reinstated = yield* reinstateTaken(rows, incident, act)
  yield* rows.incidents.change(id, { ttlUntil: null })
  return reinstated
}

function* reinstateTaken(rows: Rows, { id, target, epoch }: IncidentState, act: Act): Step<boolean> {
  const reason = `the time to live of incident ${id} is over`
  switch (target.kind) {
    case 'agent': {
      const agent = yield* rows.agents.find(target)
      if (agent?.lifecycle !== 'quarantined') return false
      if (!(yield* isItsDeath(rows, 'agent', agent.spiffeId, epoch))) return false
      yield* reinstateAgent(rows, target, reason, act)
      return true
    }
    case 'tenant': {
      const tenant = yield* rows.tenants.find(target.tenant)
      if (!tenant || !isKilled(tenant) || !(yield* isItsDeath(rows, 'tenant', tenant.tenant, epoch))) return false
      yield* reinstateTenant(rows, target.tenant, reason, act)
      return true
    }
    case 'serial':
    case 'key':
    case 'lineage':
    case 'minted_by':
    case 'instance':
      return false
    default:
      throw new TypeError(`no such target: ${String(target satisfies never)}`)
  }
}

/** Whether the newest death of the subject is the one that this epoch brought. */
function* isItsDeath(rows: Rows, kind: DeathKind, value: string, epoch: number): Step<boolean> {
  return (yield* rows.deaths.find(kind, value))?.epoch === epoch
}
