import type { Act } from '../caller.ts'
import type { AgentKey, AgentState, BindingState, Listed, Rows, Step } from '../ports.ts'
import { permissionsOfRole } from './roles.ts'
import { requireHeld } from './within.ts'

const PAGE = 200

/**
 * Whoever hands out the identity of an agent can be that agent: so they must hold what it is bound to, or an operator would
 * be an admin by one bootstrap. Throws `role_too_wide`.
 */
export function* requireMayBecome(rows: Rows, agent: Pick<AgentState, 'spiffeId'>, act: Act): Step<void> {
  if (!isManager(act)) return
  for (const binding of yield* rows.bindings.ofAgent(agent.spiffeId)) yield* requireBound(rows, binding, act)
}

/**
 * The same for whoever makes a machine a node, of a tenant or of all (null): it gets the identity of every agent that has
 * an entry there. What is bound beyond the tenant does not count by its machines, and is not asked for.
 */
export function* requireMayServe(rows: Rows, tenant: string | null, act: Act): Step<void> {
  if (!isManager(act)) return
  for (let after: string | null = null; ; ) {
    const filter = { kind: 'spiffe-id', tenant: tenant ?? undefined } as const
    const page: Listed<BindingState> = yield* rows.bindings.list(filter, { limit: PAGE, after })
    for (const binding of page.items)
      if (yield* isServed(rows, binding, tenant)) yield* requireBound(rows, binding, act)
    if (page.next === null) return
    after = page.next
  }
}

const isManager = ({ caller }: Act) => caller !== 'server' && (caller.kind === 'api-key' || caller.kind === 'principal')

function* isServed(rows: Rows, { value }: BindingState, tenant: string | null): Step<boolean> {
  const agent: AgentKey | undefined = yield* rows.agents.findById(value)
  if (agent === undefined || (tenant !== null && agent.tenant !== tenant)) return false
  const { items } = yield* rows.entries.list({ tenant: agent.tenant, agent: agent.agent }, { limit: 1, after: null })
  return items.length > 0
}

function* requireBound(rows: Rows, { role, tenant, agents, expiresAt }: BindingState, act: Act): Step<void> {
  if (expiresAt !== null && act.at >= expiresAt) return
  requireHeld(act.caller, { role, permissions: yield* permissionsOfRole(rows, role, tenant), tenant, agents })
}
