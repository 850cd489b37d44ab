import { type KillScope, LanyardError, STEPS } from '@lanyard/api'
import { type Act, actorOf, type Caller, maySee } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { IncidentState, KillTarget, Rows, Step } from '../ports.ts'
import { settle, type Toll } from './toll.ts'

/** What every kill says. */
export interface KillRequest {
  /** Caller's own or made by us. */
  readonly incident: string
  /** Hex SHA-256 of all that was asked: the same incident with the same is a repetition, with another a conflict. */
  readonly asked: string
  readonly reason: string
  /** What the caller knows, redacted, and sealed if it shall be; null: nothing. */
  readonly evidence: Readonly<Record<string, unknown>> | null
  /** After so many seconds what can be reinstated is. */
  readonly ttlSec?: number | undefined
}

/** A kill that is recorded; it counts once its transaction is durable. */
export interface Killed {
  readonly incident: string
  readonly epoch: number
  /** Unix milliseconds. */
  readonly at: number
}

/** Whether an incident is the caller's business: that of its own tenant, or any for a caller of all. */
export const maySeeIncident = (caller: Caller | 'server', incident: Pick<IncidentState, 'tenant'>): boolean =>
  maySee(caller, incident.tenant)

/**
 * The answer of the kill that had this incident before, if it was the same one; null for a new incident. Throws
 * `incident_conflict` for another kill, and for one that the caller may not see.
 */
export function* repeated(rows: Rows, request: KillRequest, act: Act): Step<Killed | null> {
  const known = yield* rows.incidents.find(request.incident)
  if (!known) return null
  if (known.asked === request.asked && maySeeIncident(act.caller, known)) return killedOf(known)
  throw new LanyardError('incident_conflict', `incident ${request.incident} belongs to another kill`)
}

/** What an incident is of, beside what was asked. */
export interface Opening {
  /** Null: it concerns more than one tenant. */
  readonly tenant: string | null
  readonly target: KillTarget
  readonly scope: KillScope
  /** When what it quarantined is reinstated, in Unix ms; null: never by itself. */
  readonly ttlUntil: number | null
  /** API keys that would have ended but for the caller's reach, for the event. */
  readonly sparedApiKeys?: readonly string[]
}

/** Records what was taken as an incident with its steps: the last of every kill. */
export function* openIncident(rows: Rows, toll: Toll, opening: Opening, request: KillRequest, act: Act): Step<Killed> {
  const { tenant, target, scope, ttlUntil } = opening
  const { incident: id, asked, reason, evidence } = request
  const { at } = act
  const { agents, lineages, revoked, unguardedUntil } = toll
  const detail = { incident: id, target, scope, reason, revoked, ...besides(toll, opening) }
  yield* rows.events.append(eventOf(act, 'incident.opened', aboutOf(opening), detail))
  const epoch = yield* settle(rows, toll, at)
  const incident: IncidentState = {
    ...{ id, tenant, target, scope, reason, asked, at, epoch, evidence, revoked, unguardedUntil },
    openedBy: actorOf(act.caller),
    committedAt: null,
    state: 'open',
    closedAt: null,
    ttlUntil,
    taken: { agents, lineages },
    receipt: null,
  }
  yield* rows.incidents.insert(incident, STEPS)
  return killedOf(incident)
}

/** What happened to others than agents, as far as anything did. */
function besides({ switchedOff, spared }: Toll, { sparedApiKeys = [] }: Opening): Readonly<Record<string, unknown>> {
  const named = { switched_off: switchedOff, spared, spared_api_keys: sparedApiKeys }
  return Object.fromEntries(Object.entries(named).filter(([, names]) => names.length > 0))
}

const killedOf = ({ id, epoch, at }: IncidentState): Killed => ({ incident: id, epoch, at })

const aboutOf = ({ tenant, target }: Opening) => ({ tenant, agent: target.kind === 'agent' ? target.agent : null })

/** The target as one word: `acme/invoice`, `acme`, a serial, `api-key:…`. */
export function targetText(target: KillTarget): string {
  switch (target.kind) {
    case 'agent':
      return `${target.tenant}/${target.agent}`
    case 'tenant':
      return target.tenant
    case 'serial':
    case 'key':
    case 'lineage':
    case 'minted_by':
    case 'instance':
      return target.value
    default:
      throw new TypeError(`no text for ${String(target satisfies never)}`)
  }
}
