import { LanyardError, type Tier } from '@lanyard/api'
import type { AgentState, Subject, TenantState } from './ports.ts'

/** An agent with its tenant: both must live. */
export type Living = Pick<Subject, 'tenant' | 'agent'>

/**
 * The one liveness gate, above every kind of credential. Gives the tier that the agent is served at, or throws
 * `tenant_killed`, `agent_quarantined`, `agent_retired` or `incarnation_dead`. `incarnation` is the one in the credential.
 */
export function requireAlive(living: Living, incarnation: number): Tier {
  const tier = servedTier(living)
  const { agent } = living
  if (incarnation <= agent.deadThrough || incarnation !== agent.incarnation) {
    throw new LanyardError(
      'incarnation_dead',
      `expected a credential of incarnation ${agent.incarnation}, got one of ${incarnation}`,
    )
  }
  return tier
}

/** Whether the tenant was killed as a whole and not reinstated. */
export const isKilled = ({ deadThrough, incarnation }: TenantState): boolean => incarnation <= deadThrough

/** The tier by lifecycle; throws for an agent that may hold no credential at all. */
export function servedTier({ tenant, agent }: Living): Tier {
  if (isKilled(tenant)) throw new LanyardError('tenant_killed', `tenant ${tenant.tenant} was killed`)
  return tierOf(agent)
}

function tierOf(agent: AgentState): Tier {
  switch (agent.lifecycle) {
    case 'pending':
    case 'active':
    case 'degraded':
      return agent.tier
    case 'restricted':
      return 'restricted'
    case 'quarantined':
      throw new LanyardError('agent_quarantined', `agent ${agent.tenant}/${agent.agent} is quarantined`)
    case 'retired':
      throw new LanyardError('agent_retired', `agent ${agent.tenant}/${agent.agent} is retired`)
    default:
      throw unknownLifecycle(agent.lifecycle)
  }
}

/** Throws `lineage_forked` or `lineage_ended` unless the lineage may go on at `at` (Unix ms). */
export function requireOpenLineage({ lineage }: Subject, at: number): void {
  switch (lineage.standing) {
    case 'open':
      if (at < lineage.endsAt) return
      throw new LanyardError('lineage_ended', 'this lineage has reached its greatest age')
    case 'frozen':
      throw new LanyardError('lineage_forked', 'this lineage is frozen since two keys renewed the same certificate')
    case 'ended':
      throw new LanyardError('lineage_ended', 'this lineage was ended by a revocation or a kill')
    default:
      throw unknownStanding(lineage.standing)
  }
}

// Default deny: a value that this version does not know is never alive.
const unknownLifecycle = (value: never) => new LanyardError('agent_quarantined', `unknown lifecycle ${String(value)}`)
const unknownStanding = (value: never) => new LanyardError('lineage_ended', `unknown standing ${String(value)}`)
