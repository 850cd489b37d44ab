import { LanyardError, type Tier } from '@lanyard/api'
import { answerFor } from '../access/answer-for.ts'
import { requireMayVouch } from '../access/becoming.ts'
import { type Act, actorOf } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { IdpState, Rows, Step, Voucher } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { settleFederation } from './switch.ts'

/** What the owner of a tenant may set of an identity provider. */
export interface IdpSettings {
  readonly jwksUri?: string | null | undefined
  readonly audiences?: readonly string[] | undefined
  readonly algorithms?: readonly string[] | undefined
  readonly agentClaim?: string | undefined
  readonly requiredClaims?: Readonly<Record<string, unknown>> | undefined
  readonly maxTokenAgeSec?: number | undefined
  readonly tier?: Tier | undefined
  readonly enabled?: boolean | undefined
  readonly allowAgentFederation?: boolean | undefined
}

/** Identity providers of one tenant. */
const IDPS_MAX = 50

/**
 * Lets a provider vouch in a tenant. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `idp_exists`,
 * `agent_not_covered`, `role_too_wide`, `too_many_entries`.
 */
export function* createIdp(
  rows: Rows,
  input: IdpSettings & { readonly id: string; readonly tenant: string; readonly issuer: string },
  act: Act,
): Step<IdpState> {
  const { tenant, issuer } = input
  yield* requireTenantState(rows, tenant, act)
  if (yield* rows.idps.findByIssuer(tenant, issuer))
    throw new LanyardError('idp_exists', `tenant ${tenant} has an identity provider with issuer ${issuer}`)
  if ((yield* rows.idps.count(tenant)) >= IDPS_MAX)
    throw new LanyardError('too_many_entries', `expected at most ${IDPS_MAX} identity providers in a tenant`)
  yield* requireMayVouch(rows, tenant, act)
  const before = yield* rows.idps.federates(tenant)
  const maker = actorOf(act.caller)
  const fixed = { id: input.id, tenant, issuer, createdBy: maker, createdAt: act.at }
  const idp = settled({ ...DEFAULTS, ...fixed }, input, { updatedAt: act.at, updatedBy: maker })
  yield* rows.idps.insert(idp)
  yield* answerFor(rows, voucherOf(idp), null, describeIdp(idp), act)
  yield* rows.events.append(eventOf(act, 'idp.created', idp, describeIdp(idp)))
  yield* settleFederation(rows, tenant, before, act)
  return idp
}

/**
 * Changes a provider. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `not_found`, `agent_not_covered`,
 * `role_too_wide`.
 */
export function* updateIdp(
  rows: Rows,
  { tenant, id }: Pick<IdpState, 'tenant' | 'id'>,
  change: IdpSettings,
  act: Act,
): Step<IdpState> {
  const before = yield* requireIdp(rows, { tenant, id }, act)
  if (!isOnlyForbidding(change)) yield* requireMayVouch(rows, tenant, act)
  return yield* changeIdp(rows, before, change, act)
}

/** To take away is no gain. */
const isOnlyForbidding = ({ enabled, allowAgentFederation, ...rest }: IdpSettings) =>
  enabled !== true && allowAgentFederation !== true && Object.values(rest).every(value => value === undefined)

/** The same for one that was found, as a part of another act that may have a reason. */
export function* changeIdp(
  rows: Rows,
  before: IdpState,
  change: IdpSettings,
  act: Act,
  reason?: string,
): Step<IdpState> {
  const federated = yield* rows.idps.federates(before.tenant)
  // Later than before, whatever the clock says: a token that was judged by the old settings shall be told apart.
  const updatedAt = Math.max(act.at, before.updatedAt + 1)
  const after = settled(before, change, { updatedAt, updatedBy: actorOf(act.caller) })
  yield* rows.idps.update(after)
  const told = { before: describeIdp(before), after: describeIdp(after) }
  yield* answerFor(rows, voucherOf(after), { told: told.before, updatedBy: before.updatedBy }, told.after, act)
  const detail = { ...told, ...(reason !== undefined && { reason }) }
  yield* rows.events.append(eventOf(act, 'idp.updated', after, detail))
  yield* settleFederation(rows, after.tenant, federated, act)
  return after
}

/**
 * Deletes a provider; what it vouched for goes on. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `not_found`.
 */
export function* deleteIdp(rows: Rows, key: Pick<IdpState, 'tenant' | 'id'>, act: Act): Step<void> {
  const idp = yield* requireIdp(rows, key, act)
  const federated = yield* rows.idps.federates(idp.tenant)
  yield* rows.idps.remove(idp.tenant, idp.id)
  yield* rows.trust.gone(idp.id, act.at)
  yield* rows.events.append(eventOf(act, 'idp.deleted', idp, describeIdp(idp)))
  yield* settleFederation(rows, idp.tenant, federated, act)
}

/** The provider, if the caller may see it. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `not_found`. */
export function* requireIdp(
  rows: Rows,
  { tenant, id }: Pick<IdpState, 'tenant' | 'id'>,
  act: Pick<Act, 'caller'>,
): Step<IdpState> {
  yield* requireTenantState(rows, tenant, act)
  const idp = yield* rows.idps.find(tenant, id)
  if (idp) return idp
  throw new LanyardError('not_found', 'there is no such identity provider')
}

const voucherOf = ({ id, tenant }: IdpState): Voucher => ({ kind: 'idp', id, tenant })

type Touched = Pick<IdpState, 'updatedAt' | 'updatedBy'>

const DEFAULTS: Omit<IdpState, 'id' | 'tenant' | 'issuer' | 'createdBy' | 'createdAt' | keyof Touched> = {
  jwksUri: null,
  audiences: [],
  algorithms: ['RS256', 'ES256'],
  agentClaim: 'sub',
  requiredClaims: {},
  maxTokenAgeSec: 3600,
  tier: 'silver',
  enabled: true,
  allowAgentFederation: false,
}

const settled = (before: Omit<IdpState, keyof Touched>, change: IdpSettings, touched: Touched): IdpState => ({
  ...before,
  jwksUri: change.jwksUri === undefined ? before.jwksUri : change.jwksUri,
  audiences: change.audiences ?? before.audiences,
  algorithms: change.algorithms ?? before.algorithms,
  agentClaim: change.agentClaim ?? before.agentClaim,
  requiredClaims: change.requiredClaims ?? before.requiredClaims,
  maxTokenAgeSec: change.maxTokenAgeSec ?? before.maxTokenAgeSec,
  tier: change.tier ?? before.tier,
  enabled: change.enabled ?? before.enabled,
  allowAgentFederation: change.allowAgentFederation ?? before.allowAgentFederation,
  ...touched,
})

const describeIdp = (idp: IdpState) => ({
  id: idp.id,
  issuer: idp.issuer,
  jwks_uri: idp.jwksUri,
  audiences: idp.audiences,
  algorithms: idp.algorithms,
  agent_claim: idp.agentClaim,
  required_claims: idp.requiredClaims,
  max_token_age_sec: idp.maxTokenAgeSec,
  tier: idp.tier,
  enabled: idp.enabled,
  allow_agent_federation: idp.allowAgentFederation,
})
