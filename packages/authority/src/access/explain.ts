import { LanyardError, type Permission } from '@lanyard/api'
import type { Crypto } from '@lanyard/protocol'
import { type AccessGrant, type Act, type ManagerCaller, maySee, type PrincipalCaller } from '../caller.ts'
import { matchesPattern } from '../pattern.ts'
import type { BarState, BindeeKind, BindeeState, BindingState, IssuerState, Rows, Step } from '../ports.ts'
import { findApiKey } from '../registry/api-keys.ts'
import { isoTime } from '../time.ts'
import { hasEnded } from './ended.ts'
import { permissionsIn } from './grants.ts'
import { type CallTarget, narrow } from './narrow.ts'
import { principalIdOf } from './principal-id.ts'
import { permissionsOfRole } from './roles.ts'
import { scopesBarred } from './shut-out.ts'

/** Whether somebody may do something. */
export interface AccessQuestion {
  readonly who: { readonly kind: BindeeKind | 'api-key'; readonly issuer?: string | undefined; readonly value: string }
  /** That the issuer would say of a user. */
  readonly groups: readonly string[]
  readonly permission: Permission
  readonly tenant: string | null
  readonly agent: string | undefined
}

export interface ExplainedStep {
  readonly step: string
  readonly ok: boolean
  readonly detail: string
}

export interface Explained {
  readonly steps: readonly ExplainedStep[]
  /** As the policies would be asked about them; null: the roles do not allow it. */
  readonly caller: ManagerCaller | null
}

/**
 * Explains by which binding and role somebody may do something, or why not, as far as the one who asks may see. Changes
 * nothing. Throws `not_found` for an API key or an issuer that is not there.
 */
export function* explainAccess(rows: Rows, question: AccessQuestion, crypto: Crypto, act: Asking): Step<Explained> {
  const { kind, value } = question.who
  if (kind === 'api-key') return yield* explainKey(rows, question, act)
  const issuer = yield* issuerOf(rows, question, act)
  const id = principalIdOf(partsOf(kind, issuer, value), crypto)
  const gates = yield* gatesOf(rows, question, { kind, id, issuer }, act)
  const { steps, grants } = yield* explainBindings(rows, question, issuer, act)
  const explained = [...gates, ...steps]
  if (grants.length === 0 || gates.some(({ ok }) => !ok)) return { steps: explained, caller: null }
  const caller = holderOf({ id, value, issuer, groups: question.groups, grants, kind })
  return { steps: explained, caller: narrow(caller, targetOf(question)) as PrincipalCaller }
}

type Asking = Pick<Act, 'caller' | 'at'>

interface Somebody {
  readonly kind: BindeeKind
  readonly id: string
  readonly issuer: IssuerState | null
}

/** What must hold before any binding counts. */
function* gatesOf(
  rows: Rows,
  { who, tenant }: AccessQuestion,
  { kind, id, issuer }: Somebody,
  act: Asking,
): Step<readonly ExplainedStep[]> {
  const steps: ExplainedStep[] = []
  if (issuer)
    steps.push(step('issuer', issuer.enabled, `${issuer.issuer} ${issuer.enabled ? 'vouches' : 'is disabled'}`))
  if (kind === 'spiffe-id') steps.push(yield* agentStep(rows, who.value, act))
  if (kind === 'group') return steps
  return [...steps, barStep(id, tenant, yield* rows.barredPrincipals.of(id))]
}

/** Whether they are shut out, or were: then what they have must be younger. */
function barStep(id: string, within: string | null, bars: readonly BarState[]): ExplainedStep {
  const here = bars.filter(({ tenant }) => tenant === null || tenant === within)
  const isOut = scopesBarred(here).length > 0
  const lifted = here.flatMap(({ liftedAt }) => (liftedAt === null ? [] : [liftedAt]))
  const again = `principal ${id} was let in again, with what was issued after ${isoTime(Math.max(...lifted))}`
  const plain = `principal ${id} ${isOut ? 'was' : 'was not'} shut out by a kill`
  return step('principal', !isOut, !isOut && lifted.length > 0 ? again : plain)
}

/** Each binding, as far as the one who asks may see it, and what those give that count. */
function* explainBindings(
  rows: Rows,
  question: AccessQuestion,
  issuer: IssuerState | null,
  { caller, at }: Asking,
): Step<{ readonly steps: readonly ExplainedStep[]; readonly grants: readonly AccessGrant[] }> {
  const steps: ExplainedStep[] = []
  const grants: AccessGrant[] = []
  for (const binding of yield* rows.bindings.of(bindeesOf(question, issuer))) {
    const { id, role, tenant, agents, expiresAt } = binding
    if (tenant !== null && !maySee(caller, tenant)) continue
    const permissions = yield* permissionsOfRole(rows, role, tenant)
    const why = refusalOf(binding, permissions, question, issuer, at)
    steps.push(step('binding', why === null, `${nameOf(binding)}: ${why ?? `holds ${question.permission} here`}`))
    if (why === null) grants.push({ binding: id, role, permissions, tenant, agents, expiresAt })
  }
  return {
    steps:
      steps.length > 0 ? steps : [step('binding', false, 'nothing is bound to them, nor to a group that was given')],
    grants,
  }
}

const step = (name: string, ok: boolean, detail: string): ExplainedStep => ({ step: name, ok, detail })

const targetOf = ({ permission, tenant, agent }: AccessQuestion): CallTarget => ({
  permission,
  tenant: tenant ?? undefined,
  agent,
  chosen: undefined,
})

function* explainKey(rows: Rows, question: AccessQuestion, act: Asking): Step<Explained> {
  const found = yield* findApiKey(rows, question.who.value)
  if (found === undefined || !maySee(act.caller, found.state.tenant))
    throw new LanyardError('not_found', 'there is no such API key')
  const { state, permissions } = found
  const { id, name, role, tenant, agents, rateLimit, expiresAt, bounded } = state
  const counts = state.revokedAt === null && act.at < expiresAt
  const reaches = tenant === null || tenant === question.tenant
  const steps = [
    step('api-key', counts, `API key ${id} ${counts ? 'counts' : 'was deleted or has ended'}`),
    step('role', permissions.has(question.permission), `role ${role} ${holds(permissions, question.permission)}`),
    step('tenant', reaches, `the key is of ${tenant === null ? 'all tenants' : `tenant ${tenant}`}`),
  ]
  if (agents !== null && GIVES_IDENTITY.has(question.permission)) {
    const covered = question.agent !== undefined && matchesPattern(agents, question.agent)
    steps.push(step('agents', covered, `the key may mint for agents that match ${agents}`))
  }
  const scope = { role, permissions, tenant, agents, rateLimit, expiresAt, bounded }
  const caller: ManagerCaller = { kind: 'api-key', id, name, ...scope }
  return { steps, caller: steps.every(({ ok }) => ok) ? caller : null }
}

/** What the pattern of an API key is about. */
const GIVES_IDENTITY: ReadonlySet<Permission> = new Set(['agent.bootstrap', 'secret.manage', 'entry.manage'])

const holds = (permissions: ReadonlySet<Permission>, permission: Permission) =>
  `${permissions.has(permission) ? 'holds' : 'does not hold'} ${permission}`

function* issuerOf(rows: Rows, { who }: AccessQuestion, { caller }: Asking): Step<IssuerState | null> {
  if (who.kind !== 'user' && who.kind !== 'group') return null
  const issuer = who.issuer === undefined ? undefined : yield* rows.issuers.find(who.issuer)
  if (issuer !== undefined && (issuer.tenant === null || maySee(caller, issuer.tenant))) return issuer
  throw new LanyardError('not_found', `expected the issuer of a ${who.kind}`)
}

// Another tenant's agent is as if it were not there, or the answer would tell what became of it.
function* agentStep(rows: Rows, spiffeId: string, { caller }: Asking): Step<ExplainedStep> {
  const agent = yield* rows.agents.findById(spiffeId)
  if (agent === undefined || !maySee(caller, agent.tenant))
    return step('agent', false, 'there is no agent of this SPIFFE ID')
  const lives = agent.lifecycle !== 'quarantined' && agent.lifecycle !== 'retired'
  return step('agent', lives, `the agent is ${agent.lifecycle}`)
}

function partsOf(kind: BindeeKind, issuer: IssuerState | null, value: string) {
  if (kind === 'spiffe-id' || kind === 'certificate') return [kind, value] as const
  return ['user', issuer?.id ?? '', value] as const
}

function bindeesOf({ who, groups }: AccessQuestion, issuer: IssuerState | null): readonly BindeeState[] {
  const own: BindeeState = { kind: who.kind as BindeeKind, issuer: issuer?.id ?? null, value: who.value }
  if (who.kind !== 'user' || issuer === null) return [own]
  return [own, ...groups.map(value => ({ kind: 'group', issuer: issuer.id, value }) as const)]
}

const nameOf = ({ id, role, tenant, agents }: BindingState) =>
  `role ${role} ${tenant === null ? 'in all tenants' : `in tenant ${tenant} (binding ${id})`}${agents === null ? '' : ` for agents ${agents}`}`

/** Why a binding does not allow it; null: it does. */
function refusalOf(
  binding: BindingState,
  permissions: ReadonlySet<Permission>,
  question: AccessQuestion,
  issuer: IssuerState | null,
  at: number,
): string | null {
  const { tenant, agents } = binding
  if (hasEnded(binding, at)) return 'has ended'
  if (issuer !== null && issuer.tenant !== null && issuer.tenant !== tenant) return 'is beyond the tenant of the issuer'
  if (tenant !== null && tenant !== question.tenant) return 'counts in that tenant alone'
  if (!permissions.has(question.permission)) return holds(permissions, question.permission)
  if (agents === null || (question.agent !== undefined && matchesPattern(agents, question.agent))) return null
  return question.agent === undefined ? 'counts for calls that name an agent' : 'does not cover this agent'
}

interface Holder extends Pick<PrincipalCaller, 'id' | 'groups' | 'grants'> {
  readonly value: string
  readonly issuer: IssuerState | null
  readonly kind: BindeeKind
}

const METHODS = { user: 'jwt', group: 'jwt', certificate: 'certificate', 'spiffe-id': 'svid' } as const

const holderOf = ({ id, value, issuer, groups, grants, kind }: Holder): PrincipalCaller => ({
  ...{ kind: 'principal', method: METHODS[kind], id, name: value, issuer: issuer?.issuer ?? null },
  ...(issuer === null || issuer.tenant === null ? {} : { issuerTenant: issuer.tenant }),
  ...{ subject: value, groups: kind === 'group' ? [value] : groups, grants, permissions: permissionsIn(grants) },
  ...{ tenant: null, agents: null, rateLimit: null, issuedAt: null, expiresAt: Number.MAX_SAFE_INTEGER, svid: null },
})
