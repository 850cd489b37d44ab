import { LanyardError, type Lifecycle, type Tier } from '@lanyard/api'
import { type Act, requirePermission, requireTenant } from '../caller.ts'
import { eventOf } from '../event.ts'
import { agentRebirth } from '../kill/deaths.ts'
import { settle, Toll } from '../kill/toll.ts'
import { requireName } from '../names.ts'
import type { AgentKey, AgentState, Rows, Step } from '../ports.ts'
import { endAgent } from './end-agent.ts'
import { requireTenantState } from './tenants.ts'

/** What an agent's owner may set. */
export interface AgentSettings {
  readonly tier?: Tier | undefined
  readonly owner?: string | undefined
  readonly description?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/** Renders tenant and agent by the template of the trust domain. */
export type SpiffeIdOf = (key: AgentKey) => string

/** Registers an agent. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `agent_exists`. */
export function* createAgent(
  rows: Rows,
  input: AgentKey & AgentSettings,
  spiffeIdOf: SpiffeIdOf,
  act: Act,
): Step<AgentState> {
  requireName('agent', input.agent)
  yield* requireTenantState(rows, input.tenant, act)
  const taken = yield* rows.agents.find(input)
  if (taken)
    throw new LanyardError('agent_exists', `agent ${input.tenant}/${input.agent} exists and is ${taken.lifecycle}`)
  const agent = newAgent(input, spiffeIdOf, act.at)
  yield* rows.agents.insert(agent)
  yield* rows.events.append(eventOf(act, 'agent.created', agent, { spiffe_id: agent.spiffeId, ...settingsOf(agent) }))
  return agent
}

/** An agent that was registered here, before it is stored. */
export function newAgent(input: AgentKey & AgentSettings, spiffeIdOf: SpiffeIdOf, at: number): AgentState {
  return {
    tenant: input.tenant,
    agent: input.agent,
    spiffeId: spiffeIdOf(input),
    tier: input.tier ?? 'silver',
    lifecycle: 'pending',
    provenance: 'internal',
    externalSubject: null,
    owner: input.owner ?? '',
    description: input.description ?? '',
    labels: input.labels ?? {},
    incarnation: 1,
    deadThrough: 0,
    createdAt: at,
    updatedAt: at,
  }
}

/**
 * Changes an agent. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `agent_unknown`, `agent_retired`,
 * `agent_quarantined` (only `reinstate` leads out), `lifecycle_forbidden`, and `permission_missing` where the
 * lifecycle asked for needs one of its own.
 */
export function* updateAgent(
  rows: Rows,
  key: AgentKey,
  change: AgentSettings & { readonly lifecycle?: Lifecycle | undefined },
  act: Act,
): Step<AgentState> {
  const before = yield* requireAgent(rows, key, act)
  if (before.lifecycle === 'retired')
    throw new LanyardError('agent_retired', `agent ${key.tenant}/${key.agent} is retired`)
  requireTransition(before, change.lifecycle, act)
  const settled: AgentState = {
    ...before,
    tier: change.tier ?? before.tier,
    owner: change.owner ?? before.owner,
    description: change.description ?? before.description,
    labels: change.labels ?? before.labels,
    updatedAt: act.at,
  }
  const lifecycle = change.lifecycle ?? before.lifecycle
  if (lifecycle !== before.lifecycle && isEnd(lifecycle)) return yield* endAgent(rows, settled, lifecycle, null, act)
  const after: AgentState = { ...settled, lifecycle }
  yield* rows.agents.update(after)
  const detail = { before: settingsOf(before), after: settingsOf(after) }
  yield* rows.events.append(eventOf(act, 'agent.updated', after, detail))
  return after
}

/**
 * Retires an agent for ever; again without effect. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `agent_unknown`.
 */
export function* retireAgent(rows: Rows, key: AgentKey, act: Act): Step<AgentState> {
  const agent = yield* requireAgent(rows, key, act)
  if (agent.lifecycle === 'retired') return agent
  return yield* endAgent(rows, agent, 'retired', null, act)
}

/**
 * Lets a quarantined agent begin again, in its next incarnation: nothing that it held before revives. Throws
 * `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `agent_unknown`, `agent_retired`, `lifecycle_forbidden`.
 */
export function* reinstateAgent(rows: Rows, key: AgentKey, reason: string | null, act: Act): Step<AgentState> {
  const before = yield* requireAgent(rows, key, act)
  if (before.lifecycle === 'retired')
    throw new LanyardError('agent_retired', `agent ${key.tenant}/${key.agent} is retired`)
  if (before.lifecycle !== 'quarantined') {
    throw new LanyardError('lifecycle_forbidden', `expected a quarantined agent, got one that is ${before.lifecycle}`)
  }
  const incarnation = Math.max(before.incarnation, before.deadThrough) + 1
  const after: AgentState = { ...before, lifecycle: 'pending', incarnation, updatedAt: act.at }
  const toll = new Toll()
  yield* rows.agents.update(after)
  yield* rows.events.append(eventOf(act, 'agent.reinstated', after, { reason, incarnation }))
  toll.died(agentRebirth(after, act.at))
  yield* settle(rows, toll, act.at)
  return after
}

/** The agent, if the caller may see it. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `agent_unknown`. */
export function* requireAgent(rows: Rows, key: AgentKey, act: Pick<Act, 'caller'>): Step<AgentState> {
  requireName('tenant', key.tenant)
  requireName('agent', key.agent)
  requireTenant(act.caller, key.tenant)
  const agent = yield* rows.agents.find(key)
  if (agent) return agent
  yield* requireTenantState(rows, key.tenant, act)
  throw new LanyardError('agent_unknown', `there is no agent ${key.tenant}/${key.agent}`)
}

const isEnd = (lifecycle: Lifecycle): lifecycle is 'quarantined' | 'retired' =>
  lifecycle === 'quarantined' || lifecycle === 'retired'

function requireTransition(before: AgentState, asked: Lifecycle | undefined, act: Act): void {
  if (asked === undefined || asked === before.lifecycle) return
  switch (asked) {
    case 'retired':
      requirePermission(act.caller, 'agent.remove')
      return
    case 'quarantined':
      requirePermission(act.caller, 'agent.kill')
      return
    case 'active':
    case 'degraded':
    case 'restricted':
      if (before.lifecycle !== 'quarantined') return
      throw new LanyardError('agent_quarantined', `expected reinstatement, got lifecycle ${asked}`)
    default:
      throw new LanyardError('lifecycle_forbidden', `expected no way back to ${asked} from ${before.lifecycle}`)
  }
}

const settingsOf = ({ tier, lifecycle, owner, description, labels }: AgentState) => ({
  tier,
  lifecycle,
  owner,
  description,
  labels,
})
