import { LanyardError } from '@lanyard/api'
import type { ExternalTokenCaller } from '../caller.ts'
import { isKilled, servedTier } from '../liveness.ts'
import type { AgentKey, AgentState, Rows, Step } from '../ports.ts'
import { provenanceOf } from './external-token.ts'

/** Whom a token names, and when it was issued. */
export type Named = Pick<ExternalTokenCaller, 'tenant' | 'agent' | 'issuer' | 'subject' | 'issuedAt'>

/**
 * The agent that a token names, if it may be that; undefined where there is none yet. Only reads. Throws
 * `tenant_unknown`, `tenant_killed`, `agent_provenance_conflict`, `agent_quarantined`, `agent_retired`,
 * `incarnation_dead`.
 */
export function* judgeUpsert(rows: Rows, named: Named): Step<AgentState | undefined> {
  const tenant = yield* rows.tenants.find(named.tenant)
  if (tenant === undefined) throw new LanyardError('tenant_unknown', `there is no tenant ${named.tenant}`)
  if (isKilled(tenant)) throw new LanyardError('tenant_killed', `tenant ${tenant.tenant} was killed`)
  const agent = yield* rows.agents.find(named)
  if (agent !== undefined) {
    requireSameOrigin(agent, named)
    servedTier({ tenant, agent })
  }
  yield* requireIssuedSinceRebirth(rows, agent, named)
  return agent
}

/** Same issuer, same name there. Else a provider takes over what was registered here, or what another one brought. */
function requireSameOrigin(agent: AgentState, { issuer, subject }: Named): void {
  if (agent.provenance === provenanceOf(issuer) && agent.externalSubject === subject) return
  const detail = `agent ${agent.tenant}/${agent.agent} is ${agent.provenance}, and is not taken over by ${issuer}`
  throw new LanyardError('agent_provenance_conflict', detail)
}

/**
 * A token that was stolen before its agent was killed would count again with the rebirth: reinstatement revives
 * nothing, so only what the provider said afterwards counts.
 */
function* requireIssuedSinceRebirth(
  rows: Rows,
  agent: AgentState | undefined,
  { tenant, issuedAt }: Pick<AgentKey, 'tenant'> & Pick<Named, 'issuedAt'>,
): Step<void> {
  const ofAgent = agent === undefined ? [] : ([['agent', agent.spiffeId]] as const)
  const deaths = yield* rows.deaths.among([['tenant', tenant], ...ofAgent])
  if (deaths.every(({ at }) => issuedAt >= at)) return
  throw new LanyardError('incarnation_dead', 'expected a token that was issued after the reinstatement')
}
