import { type KeyPolicy, LanyardError } from '@lanyard/api'
import { type Act, requireTenant } from '../caller.ts'
import { eventOf } from '../event.ts'
import { requireName } from '../names.ts'
import type { Rows, Step, TenantState } from '../ports.ts'

/** What a tenant's owner may set. */
export interface TenantSettings {
  readonly keyPolicy?: KeyPolicy | undefined
  readonly renewalGraceSec?: number | undefined
}

/** Settings of a tenant that says nothing: the issue's own defaults, or those of the configuration. */
export interface TenantDefaults {
  readonly keyPolicy: KeyPolicy
  readonly renewalGraceSec: number
}

/** Creates a tenant. Throws `name_invalid`, `tenant_mismatch`, `tenant_exists`. */
export function* createTenant(
  rows: Rows,
  input: TenantSettings & { readonly tenant: string },
  defaults: TenantDefaults,
  act: Act,
): Step<TenantState> {
  const name = requireName('tenant', input.tenant)
  requireTenant(act.caller, name)
  if (yield* rows.tenants.find(name)) throw new LanyardError('tenant_exists', `tenant ${name} exists`)
  const tenant: TenantState = {
    tenant: name,
    keyPolicy: input.keyPolicy ?? defaults.keyPolicy,
    renewalGraceSec: input.renewalGraceSec ?? defaults.renewalGraceSec,
    incarnation: 1,
    deadThrough: 0,
    createdAt: act.at,
    updatedAt: act.at,
  }
  yield* rows.tenants.insert(tenant)
  yield* rows.events.append(eventOf(act, 'tenant.created', { tenant: name }, settingsOf(tenant)))
  return tenant
}

/** Changes a tenant's settings. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`. */
export function* updateTenant(rows: Rows, name: string, change: TenantSettings, act: Act): Step<TenantState> {
  const before = yield* requireTenantState(rows, name, act)
  const after: TenantState = {
    ...before,
    keyPolicy: change.keyPolicy ?? before.keyPolicy,
    renewalGraceSec: change.renewalGraceSec ?? before.renewalGraceSec,
    updatedAt: act.at,
  }
  yield* rows.tenants.update(after)
  // Nodes make keys by it before they ask.
  if (after.keyPolicy !== before.keyPolicy) yield* rows.entries.touch(name)
  const detail = { before: settingsOf(before), after: settingsOf(after) }
  yield* rows.events.append(eventOf(act, 'tenant.updated', { tenant: name }, detail))
  return after
}

/** The tenant, if the caller may see it. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`. */
export function* requireTenantState(rows: Rows, name: string, act: Pick<Act, 'caller'>): Step<TenantState> {
  requireName('tenant', name)
  requireTenant(act.caller, name)
  const tenant = yield* rows.tenants.find(name)
  if (!tenant) throw new LanyardError('tenant_unknown', `there is no tenant ${name}`)
  return tenant
}

const settingsOf = ({ keyPolicy, renewalGraceSec }: TenantState) => ({
  key_policy: keyPolicy,
  renewal_grace_sec: renewalGraceSec,
})
