import { LanyardError, type Permission } from '@lanyard/api'
import type { AccessGrant, Caller, PrincipalCaller } from '../caller.ts'
import { matchesPattern } from '../pattern.ts'

/** What a call is about, as far as it says: in its path, its query or its body. */
export interface CallTarget {
  readonly permission: Permission | null
  readonly tenant: string | undefined
  readonly agent: string | undefined
  /** The tenant of `X-Lanyard-Tenant-Id`, for calls that name none. */
  readonly chosen: string | undefined
}

/**
 * The caller as it counts for one call: of a principal's grants those that hold there, its permissions these and no
 * others, its tenant the one that the call is within. So what one grant allows in one place adds nothing to what
 * another allows elsewhere. Other callers stay as they are. Throws `tenant_ambiguous`, `agent_not_covered`.
 */
export function narrow(caller: Caller, target: CallTarget): Caller {
  // What asks for no permission tells callers of themselves alone: all that they have.
  if (caller.kind !== 'principal' || target.permission === null) return caller
  const { permission } = target
  const tenant = target.tenant ?? target.chosen ?? soleTenant(caller, permission)
  const inTenant = caller.grants.filter(grant => grant.tenant === null || grant.tenant === tenant)
  const grants = inTenant.filter(grant => covers(grant, target.agent))
  const permissions = new Set(grants.flatMap(grant => [...grant.permissions]))
  if (!permissions.has(permission)) requireNoPattern(inTenant, permission, target.agent)
  return { ...caller, tenant: withinOf(caller, tenant), grants, permissions }
}

/** A pattern counts only where the call names an agent, or whoever may see one could list them all. */
const covers = ({ agents }: AccessGrant, agent: string | undefined) =>
  agents === null || (agent !== undefined && matchesPattern(agents, agent))

// Nobody without a grant for every tenant is ever asked for its tenant by null, which means all of them.
function withinOf({ grants }: PrincipalCaller, tenant: string | null): string | null {
  if (tenant !== null) return grants.some(grant => grant.tenant === tenant || grant.tenant === null) ? tenant : OUTSIDE
  return grants.some(grant => grant.tenant === null) ? null : OUTSIDE
}

/** No tenant has this name: whoever is within it sees nothing, and is refused with `tenant_mismatch` elsewhere. */
const OUTSIDE = ''

/** The tenant of a call that names none: all, for whoever may do this in all; else the only one that there is. */
function soleTenant({ grants }: PrincipalCaller, permission: Permission): string | null {
  const holding = grants.filter(grant => grant.permissions.has(permission))
  const tenants = new Set(holding.map(({ tenant }) => tenant))
  if (tenants.has(null) || tenants.size === 0) return null
  if (tenants.size === 1) return [...tenants][0]!
  throw new LanyardError('tenant_ambiguous', `expected one of the tenants ${[...tenants].sort().join(', ')}`)
}

/** Tells whoever has it for other agents for which. Who has it for none is refused with `permission_missing` later. */
function requireNoPattern(grants: readonly AccessGrant[], permission: Permission, agent: string | undefined): void {
  const patterns = grants.filter(grant => grant.permissions.has(permission)).map(grant => grant.agents)
  if (patterns.length === 0) return
  const got = agent ?? 'a call that names no agent'
  throw new LanyardError('agent_not_covered', `expected an agent that matches ${patterns.join(' or ')}, got ${got}`)
}
