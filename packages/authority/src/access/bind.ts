import { LanyardError } from '@lanyard/api'
import type { Crypto } from '@lanyard/protocol'
import { actorOf, type ManagerAct, maySee } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { BindeeKind, BindeeState, BindingState, IssuerState, Rows, Step } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { hasEnded } from './ended.ts'
import { requireAdminLeft } from './last-admin.ts'
import { requireRole } from './roles.ts'
import { requireHeld } from './within.ts'

/** Bindings in one tenant, or for all, at most. */
const BINDINGS_MAX = 2000

export interface BindingInput {
  readonly kind: BindeeKind
  readonly issuer?: string | undefined
  readonly value: string
  readonly role: string
  readonly tenant?: string | undefined
  readonly agents?: string | undefined
  readonly expiresInSec?: number | undefined
}

/**
 * Gives a role to a person, a program or a group, within what the caller has and for no longer. Throws `name_invalid`,
 * `tenant_mismatch`, `tenant_unknown`, `issuer_unknown`, `role_unknown`, `role_too_wide`, `binding_exists`,
 * `too_many_entries`.
 */
export function* createBinding(rows: Rows, id: string, input: BindingInput, act: ManagerAct): Step<BindingState> {
  const { kind, value, role } = input
  const tenant = input.tenant ?? act.caller.tenant
  const agents = input.agents ?? (act.caller.kind === 'api-key' ? act.caller.agents : null)
  if (tenant !== null) yield* requireTenantState(rows, tenant, act)
  const issuer = yield* issuerOf(rows, input, tenant, act)
  const permissions = yield* requireRole(rows, role, tenant)
  const expiresAt = input.expiresInSec === undefined ? null : act.at + input.expiresInSec * 1000
  requireHeld(act.caller, { role, permissions, tenant, agents, until: expiresAt })
  const bindee: BindeeState = { kind, issuer: issuer?.id ?? null, value }
  yield* requireNew(rows, { ...bindee, role, tenant, agents }, act.at)
  if ((yield* rows.bindings.count(tenant)) >= BINDINGS_MAX)
    throw new LanyardError('too_many_entries', `expected at most ${BINDINGS_MAX} bindings`)
  const times = { createdBy: actorOf(act.caller), createdAt: act.at, expiresAt }
  const state: BindingState = { id, ...bindee, role, tenant, agents, ...times }
  yield* rows.bindings.insert(state)
  yield* rows.events.append(eventOf(act, 'binding.created', { tenant }, tellBinding(state)))
  return state
}

/** The issuer of a user or a group. What the issuer of one tenant vouches for is given nothing beyond. */
function* issuerOf(
  rows: Rows,
  { kind, issuer: id }: BindingInput,
  tenant: string | null,
  act: ManagerAct,
): Step<IssuerState | null> {
  const vouched = kind === 'user' || kind === 'group'
  if (!vouched && id === undefined) return null
  if (!vouched) throw new LanyardError('issuer_unknown', `expected no issuer of a ${kind}`)
  if (id === undefined) throw new LanyardError('issuer_unknown', `expected the issuer of a ${kind}`)
  const issuer = yield* rows.issuers.find(id)
  if (issuer === undefined || (issuer.tenant !== null && !maySee(act.caller, issuer.tenant)))
    throw new LanyardError('issuer_unknown', 'there is no such issuer')
  if (issuer.tenant !== null && issuer.tenant !== tenant)
    throw new LanyardError('issuer_unknown', `expected an issuer of all tenants, or of ${tenant ?? 'none'}`)
  return issuer
}

type Same = Pick<BindingState, 'role' | 'tenant' | 'agents'> & BindeeState

function* requireNew(rows: Rows, { role, tenant, agents, ...bindee }: Same, at: number): Step<void> {
  const others = yield* rows.bindings.of([bindee])
  const same = others.some(
    other => other.role === role && other.tenant === tenant && other.agents === agents && !hasEnded(other, at),
  )
  if (same) throw new LanyardError('binding_exists', `${bindee.kind} has the role ${role} there already`)
}

/** Takes a role away; one that the caller may not see is `not_found`. Throws `last_admin`. */
export function* deleteBinding(rows: Rows, id: string, crypto: Crypto, act: ManagerAct): Step<void> {
  const state = yield* rows.bindings.find(id)
  if (state === undefined || !maySee(act.caller, state.tenant))
    throw new LanyardError('not_found', 'there is no such binding')
  if (state.tenant === null) yield* requireAdminLeft(rows, { binding: id }, { at: act.at, crypto })
  yield* rows.bindings.remove(id)
  yield* rows.events.append(eventOf(act, 'binding.deleted', { tenant: state.tenant }, tellBinding(state)))
}

/** What the events of a binding say. */
export const tellBinding = ({ id, kind, issuer, value, role, agents, expiresAt }: BindingState) => ({
  ...{ id, kind, issuer, value, role, agents },
  expires_at_ms: expiresAt,
})
