import { LanyardError } from '@lanyard/api'
import type { Crypto } from '@lanyard/protocol'
import { type Act, actorOf, type ManagerAct, maySee } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { IssuerState, Rows, Step, Voucher } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { answerFor } from './answer-for.ts'
import { tellBinding } from './bind.ts'
import { hasEnded } from './ended.ts'
import { requireAdminLeft } from './last-admin.ts'
import { permissionsOfRole } from './roles.ts'
import { requireHeld } from './within.ts'

/** Issuers of one tenant, or of all, at most. */
const ISSUERS_MAX = 100

type Fixed = 'id' | 'issuer' | 'tenant' | 'createdBy' | 'createdAt' | 'updatedBy' | 'updatedAt'
/** What may be said of an issuer. */
export type IssuerSettings = Omit<IssuerState, Fixed>

export interface IssuerInput {
  readonly issuer: string
  readonly tenant?: string | undefined
  readonly settings: Partial<IssuerSettings> & Pick<IssuerSettings, 'audiences'>
}

const DEFAULTS: Omit<IssuerSettings, 'audiences'> = {
  jwksUri: null,
  algorithms: ['RS256', 'ES256'],
  claims: { subject: 'sub', name: 'name', groups: 'groups' },
  maxTokenAgeSec: 86_400,
  introspection: null,
  introspectionSecret: null,
  login: null,
  enabled: true,
}

/**
 * Lets an issuer vouch. Nobody has a role by that alone. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `issuer_exists`, `too_many_entries`.
 */
export function* createIssuer(rows: Rows, id: string, input: IssuerInput, act: ManagerAct): Step<IssuerState> {
  const tenant = input.tenant ?? act.caller.tenant
  if (tenant !== null) yield* requireTenantState(rows, tenant, act)
  const maker = actorOf(act.caller)
  const made = { createdBy: maker, createdAt: act.at, updatedBy: maker, updatedAt: act.at }
  const state: IssuerState = { ...DEFAULTS, ...input.settings, id, issuer: input.issuer, tenant, ...made }
  if ((yield* rows.issuers.count(tenant)) >= ISSUERS_MAX)
    throw new LanyardError('too_many_entries', `expected at most ${ISSUERS_MAX} issuers`)
  if (yield* rows.issuers.has(state.issuer, tenant))
    throw new LanyardError('issuer_exists', 'this issuer is configured')
  yield* requireSoleIntrospection(rows, state)
  yield* rows.issuers.insert(state)
  yield* answerFor(rows, voucherOf(state), null, told(state), act)
  yield* rows.events.append(eventOf(act, 'issuer.created', { tenant }, told(state)))
  return state
}

/**
 * Changes an issuer. Whoever says where its keys are, or what its claims mean, can be everybody that it vouches for: so
 * the caller must have all that is bound to its users and groups. To disable it needs no more than to see it. Throws
 * `issuer_unknown`, `issuer_exists`, `role_too_wide`, `last_admin`.
 */
export function* updateIssuer(
  rows: Rows,
  id: string,
  change: Partial<IssuerSettings>,
  crypto: Crypto,
  act: ManagerAct,
): Step<IssuerState> {
  const before = yield* requireIssuer(rows, id, act)
  const after = changed(before, { ...secretFor(before, change), ...change }, act)
  if (!isOnlyDisabling(change)) yield* requireAllBound(rows, before, act)
  yield* requireSoleIntrospection(rows, after)
  if (before.enabled && !after.enabled) yield* requireAdminLeft(rows, { issuer: id }, { at: act.at, crypto })
  yield* store(rows, before, after, { secret_changed: change.introspectionSecret !== undefined }, act)
  return after
}

const changed = (before: IssuerState, change: Partial<IssuerSettings>, act: Act): IssuerState => ({
  ...{ ...before, ...change },
  ...{ updatedAt: act.at, updatedBy: actorOf(act.caller) },
})

function* store(rows: Rows, before: IssuerState, after: IssuerState, why: object, act: Act): Step<void> {
  const both = { before: told(before), after: told(after) }
  yield* rows.issuers.update(after)
  yield* answerFor(rows, voucherOf(after), { told: both.before, updatedBy: before.updatedBy }, both.after, act)
  yield* rows.events.append(eventOf(act, 'issuer.updated', { tenant: before.tenant }, { ...both, ...why }))
}

/**
 * Lets an issuer vouch for nobody, as a part of a kill; whether it did. Who administers is not asked, as of no kill:
 * what is believed by a thief's word counts for nobody.
 */
export function* switchOffIssuer(rows: Rows, id: string, reason: string, act: Act): Step<boolean> {
  const before = yield* rows.issuers.find(id)
  if (!before?.enabled) return false
  yield* store(rows, before, changed(before, { enabled: false }, act), { reason }, act)
  return true
}

const voucherOf = ({ id, tenant }: IssuerState): Voucher => ({ kind: 'issuer', id, tenant })

const isOnlyDisabling = (change: Partial<IssuerSettings>) =>
  change.enabled === false && Object.keys(change).length === 1

// A client's secret is told to whom it was given for: who could send it elsewhere could read it.
function secretFor({ introspection: old }: IssuerState, { introspection: now }: Partial<IssuerSettings>) {
  if (now === undefined || (now?.url === old?.url && now?.clientId === old?.clientId)) return {}
  return { introspectionSecret: null }
}

function* requireAllBound(rows: Rows, issuer: IssuerState, act: ManagerAct): Step<void> {
  for (const binding of yield* rows.bindings.ofIssuer(issuer.id)) {
    const { role, tenant, agents, expiresAt: until } = binding
    if (hasEnded(binding, act.at)) continue
    requireHeld(act.caller, { role, permissions: yield* permissionsOfRole(rows, role, tenant), tenant, agents, until })
  }
}

/** Deletes an issuer, with the bindings of its users and groups. Throws `issuer_unknown`, `last_admin`. */
export function* deleteIssuer(rows: Rows, id: string, crypto: Crypto, act: ManagerAct): Step<void> {
  const state = yield* requireIssuer(rows, id, act)
  yield* requireAdminLeft(rows, { issuer: id }, { at: act.at, crypto })
  for (const binding of yield* rows.bindings.removeOfIssuer(id))
    yield* rows.events.append(eventOf(act, 'binding.deleted', { tenant: binding.tenant }, tellBinding(binding)))
  yield* rows.issuers.remove(id)
  yield* rows.trust.gone(id, act.at)
  yield* rows.events.append(eventOf(act, 'issuer.deleted', { tenant: state.tenant }, told(state)))
}

function* requireIssuer(rows: Rows, id: string, act: ManagerAct): Step<IssuerState> {
  const state = yield* rows.issuers.find(id)
  if (state === undefined || !maySee(act.caller, state.tenant))
    throw new LanyardError('issuer_unknown', 'there is no such issuer')
  return state
}

// An opaque token does not say whose it is: where two could be asked, either would learn tokens of the other.
function* requireSoleIntrospection(rows: Rows, { id, tenant, introspection, enabled }: IssuerState): Step<void> {
  if (introspection === null || !enabled) return
  const other = yield* rows.issuers.introspecting(tenant)
  if (other !== undefined && other.id !== id)
    throw new LanyardError('issuer_exists', 'another issuer introspects there already')
}

/** What events say: never the secret of the client. */
const told = (issuer: IssuerState) => ({
  id: issuer.id,
  issuer: issuer.issuer,
  jwks_uri: issuer.jwksUri,
  audiences: issuer.audiences,
  algorithms: issuer.algorithms,
  claims: issuer.claims,
  max_token_age_sec: issuer.maxTokenAgeSec,
  introspection: issuer.introspection,
  login: issuer.login,
  enabled: issuer.enabled,
})
