import type { Act } from '../caller.ts'
import type { AgentState, Rows, Step } from '../ports.ts'
import { permissionsOfRole } from './roles.ts'
import { requireHeld } from './within.ts'

/**
 * Whoever hands out the identity of an agent can be that agent: so they must hold what it is bound to, or an operator would
 * be an admin by one bootstrap. Throws `role_too_wide`.
 */
export function* requireMayBecome(rows: Rows, agent: Pick<AgentState, 'spiffeId'>, act: Act): Step<void> {
  const { caller, at } = act
  if (caller === 'server' || (caller.kind !== 'api-key' && caller.kind !== 'principal')) return
  const bindee = { kind: 'spiffe-id', issuer: null, value: agent.spiffeId } as const
  for (const { role, tenant, agents, expiresAt } of yield* rows.bindings.of([bindee])) {
    if (expiresAt !== null && at >= expiresAt) continue
    requireHeld(caller, { role, permissions: yield* permissionsOfRole(rows, role, tenant), tenant, agents })
  }
}
