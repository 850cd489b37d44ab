import { LanyardError } from '@lanyard/api'
import { requireMayBecome } from '../access/becoming.ts'
import { type Act, actorOf, type ManagerAct, type SecretCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import { requireMintable } from '../federation/gate.ts'
import { settle, Toll } from '../kill/toll.ts'
import { servedTier } from '../liveness.ts'
import { requireName } from '../names.ts'
import type { AgentKey, AgentState, Rows, SecretState, Step } from '../ports.ts'
import { requireAgent } from '../registry/agents.ts'
import { requireCovered } from '../registry/api-keys.ts'
import { requireTenantState } from '../registry/tenants.ts'
import type { FreshSecret } from './secret.ts'
import { type TakenSecrets, takeSecrets } from './take.ts'

/**
 * Secrets of an agent that are remembered after their end. Whoever holds one can exchange it as often as it is let: a
 * kill that follows where they went must not grow with that.
 */
const REMEMBERED = 100

type Fresh = Pick<FreshSecret, 'id' | 'hash'>

/**
 * Makes the secret of an agent. The one before is superseded: so an operator helps whoever lost a secret, or the reply
 * that held it. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`, `agent_unknown`, `agent_not_covered`,
 * `role_too_wide`, `federation_required`, `tenant_killed`, `agent_quarantined`, `agent_retired`. Under the tenant's
 * exclusive lock.
 */
export function* createSecret(rows: Rows, key: AgentKey, fresh: Fresh, act: ManagerAct): Step<SecretState> {
  requireName('agent', key.agent)
  const tenant = yield* requireTenantState(rows, key.tenant, act)
  yield* requireMintable(rows, tenant.tenant)
  const agent = yield* requireAgent(rows, key, act)
  requireCovered(act.caller, agent.agent)
  yield* requireMayBecome(rows, agent, act)
  servedTier({ tenant, agent })
  const before = yield* rows.secrets.current(agent)
  return yield* replace(rows, { agent, before, fresh, event: 'secret.created' }, act)
}

/** Which secret an agent has. Throws `not_found` where it has none, and as {@link requireAgent}. */
export function* currentSecret(rows: Rows, key: AgentKey, act: Pick<Act, 'caller'>): Step<SecretState> {
  const agent = yield* requireAgent(rows, key, act)
  const secret = yield* rows.secrets.current(agent)
  if (secret) return secret
  throw new LanyardError('not_found', `agent ${agent.tenant}/${agent.agent} has no secret: lanyard agent secret create`)
}

/**
 * Exchanges the caller's secret for a new one. That it is the current one was asked by the same transaction, which
 * keeps it from all others: of many at once one wins. Throws `federation_required`.
 */
export function* rotateSecret(
  rows: Rows,
  fresh: Fresh,
  act: Act & { readonly caller: SecretCaller },
): Step<SecretState> {
  const { caller } = act
  yield* requireMintable(rows, caller.tenant)
  const agent = yield* requireAgent(rows, caller, act)
  const before = yield* rows.secrets.find(caller.secret)
  return yield* replace(rows, { agent, before, fresh, event: 'secret.rotated' }, act)
}

/**
 * Revokes the secret of an agent with every session that it or those before it opened: their lineages end as by a kill.
 * Throws as {@link requireAgent}. Under the tenant's exclusive lock.
 */
export function* revokeSecrets(rows: Rows, key: AgentKey, reason: string, act: ManagerAct): Step<TakenSecrets> {
  const agent = yield* requireAgent(rows, key, act)
  const toll = new Toll()
  const taken = yield* takeSecrets(rows, toll, agent, reason, act)
  yield* settle(rows, toll, act.at)
  return taken
}

interface Exchange {
  readonly agent: AgentState
  readonly before: SecretState | undefined
  readonly fresh: Fresh
  readonly event: 'secret.created' | 'secret.rotated'
}

function* replace(rows: Rows, { agent, before, fresh, event }: Exchange, act: Act): Step<SecretState> {
  const secret: SecretState = {
    id: fresh.id,
    tenant: agent.tenant,
    agent: agent.agent,
    hash: fresh.hash,
    incarnation: agent.incarnation,
    standing: 'current',
    createdBy: actorOf(act.caller),
    createdAt: act.at,
    endedAt: null,
  }
  if (before) yield* rows.secrets.end(before.id, 'superseded', act.at)
  yield* rows.secrets.insert(secret)
  yield* rows.secrets.forget(agent, REMEMBERED)
  yield* rows.events.append(eventOf(act, event, agent, { id: secret.id, supersedes: before?.id ?? null }))
  return secret
}
