import { LanyardError } from '@lanyard/api'
import type { Act } from '../caller.ts'
import type { AgentKey, AgentState, BindingState, Listed, Rows, Step } from '../ports.ts'
import { hasEnded } from './ended.ts'
import { permissionsOfRole } from './roles.ts'
import { requireHeld } from './within.ts'

const PAGE = 200

/**
 * Whoever hands out the identity of an agent can be that agent: so they must hold what it is bound to, or an operator
 * would be an admin by one bootstrap. Throws `role_too_wide`.
 */
export function* requireMayBecome(rows: Rows, agent: Pick<AgentState, 'spiffeId'>, act: Act): Step<void> {
  if (!isManager(act)) return
  for (const binding of yield* rows.bindings.ofAgent(agent.spiffeId)) yield* requireBound(rows, binding, act)
}

/**
 * The same for whoever makes a machine a node, of a tenant or of all (null): it gets the identity of every agent that
 * has an entry there. What is bound beyond the tenant does not count by its machines, and is not asked for. Throws
 * `agent_not_covered`, `role_too_wide`.
 */
export function* requireMayServe(rows: Rows, tenant: string | null, act: Act): Step<void> {
  requireAllCovered(act)
  if (isManager(act)) yield* requireAllBound(rows, tenant, binding => isServed(rows, binding, tenant), act)
}

/**
 * The same for whoever says which provider vouches for the agents of a tenant: it can name every agent that is not
 * ours, and those that nobody has seen yet. What is bound beyond the tenant does not count by its word. Throws
 * `agent_not_covered`, `role_too_wide`.
 */
export function* requireMayVouch(rows: Rows, tenant: string, act: Act): Step<void> {
  requireAllCovered(act)
  if (isManager(act)) yield* requireAllBound(rows, tenant, binding => isVouchedFor(rows, binding, tenant), act)
}

// Machines and providers are every agent's of their tenant, and whoever names one may be it.
function requireAllCovered({ caller }: Act): void {
  if (caller === 'server' || caller.kind !== 'api-key' || caller.agents === null) return
  throw new LanyardError('agent_not_covered', `expected an API key of every agent, got one of ${caller.agents}`)
}

function* requireAllBound(
  rows: Rows,
  tenant: string | null,
  concerns: (binding: BindingState) => Step<boolean>,
  act: Act,
): Step<void> {
  for (let after: string | null = null; ; ) {
    const filter = { kind: 'spiffe-id', tenant: tenant ?? undefined } as const
    const page: Listed<BindingState> = yield* rows.bindings.list(filter, { limit: PAGE, after })
    for (const binding of page.items) if (yield* concerns(binding)) yield* requireBound(rows, binding, act)
    if (page.next === null) return
    after = page.next
  }
}

function* isVouchedFor(rows: Rows, { value }: BindingState, tenant: string): Step<boolean> {
  const agent = yield* rows.agents.findById(value)
  return agent === undefined || (agent.tenant === tenant && agent.provenance !== 'internal')
}

const isManager = ({ caller }: Act) => caller !== 'server' && (caller.kind === 'api-key' || caller.kind === 'principal')

function* isServed(rows: Rows, { value }: BindingState, tenant: string | null): Step<boolean> {
  const agent: AgentKey | undefined = yield* rows.agents.findById(value)
  if (agent === undefined || (tenant !== null && agent.tenant !== tenant)) return false
  const { items } = yield* rows.entries.list({ tenant: agent.tenant, agent: agent.agent }, { limit: 1, after: null })
  return items.length > 0
}

function* requireBound(rows: Rows, binding: BindingState, act: Act): Step<void> {
  if (hasEnded(binding, act.at)) return
  const { role, tenant, agents, expiresAt: until } = binding
  requireHeld(act.caller, { role, permissions: yield* permissionsOfRole(rows, role, tenant), tenant, agents, until })
}
