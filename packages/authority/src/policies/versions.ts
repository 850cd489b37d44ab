import { LanyardError } from '@lanyard/api'
import { type Act, actorOf, requireTenant } from '../caller.ts'
import { eventOf } from '../event.ts'
import { requireName } from '../names.ts'
import type { PolicyVersionState, Rows, Step } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'

/** Versions of one scope at most; of those that nothing needs the oldest goes. */
export const POLICY_VERSIONS_MAX = 100

/** What somebody saves, checked. */
export type PolicyInput = Pick<PolicyVersionState, 'tenant' | 'policies' | 'schema' | 'entities' | 'comment'>

/**
 * The scope that a call is within: the tenant asked for, or the caller's; null: the trust domain, which nobody is within but
 * who manages all tenants. Throws `name_invalid`, `tenant_mismatch`.
 */
export function policyScope({ caller }: Pick<Act, 'caller'>, asked: string | undefined): string | null {
  if (asked === undefined) return caller === 'server' ? null : caller.tenant
  requireName('tenant', asked)
  requireTenant(caller, asked)
  return asked
}

/** Saves a version, which decides nothing yet. Throws `tenant_mismatch`, `tenant_unknown`, `too_many_entries`. */
export function* savePolicies(rows: Rows, input: PolicyInput, act: Act): Step<PolicyVersionState> {
  const { tenant } = input
  yield* requireScope(rows, tenant, act)
  const version = (yield* rows.policies.newest(tenant)) + 1
  const full = (yield* rows.policies.count(tenant)) >= POLICY_VERSIONS_MAX
  if (full && !(yield* rows.policies.removeOldest(tenant)))
    throw new LanyardError('too_many_entries', `expected at most ${POLICY_VERSIONS_MAX} versions`)
  const saved: PolicyVersionState = {
    ...input,
    version,
    state: 'saved',
    createdBy: actorOf(act.caller),
    createdAt: act.at,
    activatedAt: null,
    follows: null,
  }
  yield* rows.policies.insert(saved)
  yield* rows.events.append(eventOf(act, 'policy.saved', { tenant }, { version, comment: input.comment }))
  return saved
}

/** Lets a version decide in place of the one before; again without effect. Throws `tenant_mismatch`, `tenant_unknown`, `policy_unknown`. */
export function* activatePolicies(
  rows: Rows,
  tenant: string | null,
  version: number,
  act: Act,
): Step<PolicyVersionState> {
  yield* requireScope(rows, tenant, act)
  const asked = yield* requireVersion(rows, tenant, version)
  if (asked.state === 'active') return asked
  const before = yield* rows.policies.active(tenant)
  const after: PolicyVersionState = {
    ...asked,
    state: 'active',
    activatedAt: act.at,
    follows: before?.version ?? null,
  }
  if (before) yield* rows.policies.update({ ...before, state: 'retired' })
  yield* rows.policies.update(after)
  yield* rows.policies.bumpRevision()
  yield* rows.events.append(eventOf(act, 'policy.activated', { tenant }, { version, follows: after.follows }))
  return after
}

/**
 * Lets the version decide again that decided before; null where none did. `expected` is what was found to be active, and judged by that;
 * another one since is `policy_unknown`. Throws `tenant_mismatch`, `tenant_unknown`, `policy_unknown` also where none is active.
 */
export function* rollBackPolicies(
  rows: Rows,
  tenant: string | null,
  expected: number,
  act: Act,
): Step<PolicyVersionState | null> {
  yield* requireScope(rows, tenant, act)
  const before = yield* rows.policies.active(tenant)
  if (before?.version !== expected) throw unknownVersion(`version ${expected} is not the one that decides`)
  const followed = before.follows === null ? null : yield* requireVersion(rows, tenant, before.follows)
  const after: PolicyVersionState | null = followed && { ...followed, state: 'active', activatedAt: act.at }
  yield* rows.policies.update({ ...before, state: 'retired' })
  if (after) yield* rows.policies.update(after)
  yield* rows.policies.bumpRevision()
  const detail = { from: before.version, to: after?.version ?? null }
  yield* rows.events.append(eventOf(act, 'policy.rolled_back', { tenant }, detail))
  return after
}

/** Asks a version beside the one that decides, or ceases to. Throws `tenant_mismatch`, `tenant_unknown`, `policy_unknown`, `lifecycle_forbidden`. */
export function* shadowPolicies(
  rows: Rows,
  tenant: string | null,
  { version, on }: { readonly version: number; readonly on: boolean },
  act: Act,
): Step<PolicyVersionState> {
  yield* requireScope(rows, tenant, act)
  const asked = yield* requireVersion(rows, tenant, version)
  if (asked.state === 'active') {
    throw new LanyardError('lifecycle_forbidden', `expected a version that does not decide, got ${version}, which does`)
  }
  if ((asked.state === 'shadow') === on) return asked
  const other = on ? yield* rows.policies.shadow(tenant) : undefined
  const after: PolicyVersionState = { ...asked, state: on ? 'shadow' : atRest(asked) }
  if (other) yield* rows.policies.update({ ...other, state: atRest(other) })
  yield* rows.policies.update(after)
  yield* rows.policies.bumpRevision()
  yield* rows.events.append(eventOf(act, 'policy.shadowed', { tenant }, { version, on }))
  return after
}

const atRest = ({ activatedAt }: PolicyVersionState) => (activatedAt === null ? 'saved' : 'retired')

/** Throws `policy_unknown`. */
export function* requireVersion(rows: Rows, tenant: string | null, version: number): Step<PolicyVersionState> {
  const found = yield* rows.policies.find(tenant, version)
  if (found) return found
  throw unknownVersion(`${tenant === null ? 'the trust domain' : `tenant ${tenant}`} has no version ${version}`)
}

const unknownVersion = (detail: string) => new LanyardError('policy_unknown', detail)

/** Of the trust domain only who manages all tenants may decide. */
function* requireScope(rows: Rows, tenant: string | null, act: Act): Step<void> {
  if (tenant !== null) {
    yield* requireTenantState(rows, tenant, act)
    return
  }
  if (act.caller === 'server' || act.caller.tenant === null) return
  throw new LanyardError('tenant_mismatch', `expected tenant ${act.caller.tenant}, got the trust domain`)
}
