import { LanyardError } from '@lanyard/api'
import { agentTokenEnd, type Fresh, openLineage } from '../bootstrap.ts'
import type { Act, ExternalTokenCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import { requireAlive, requireOpenLineage, servedTier } from '../liveness.ts'
import type { AgentState, FederatedTokenState, LineageState, Rows, Step } from '../ports.ts'
import { newAgent, type SpiffeIdOf } from '../registry/agents.ts'
import { provenanceOf } from './external-token.ts'
import { judgeUpsert } from './upsert.ts'

/** How a lineage is opened by a token of a provider. */
export interface FederatedOpening {
  /** Thumbprint of the key that the agent token shall be bound to. */
  readonly jkt: string | undefined
  readonly fresh: Fresh
  readonly maxLineageSec: number
  readonly spiffeIdOf: SpiffeIdOf
}

type OwnAct = Act & { readonly caller: ExternalTokenCaller }

interface Opened {
  readonly agent: AgentState
  readonly lineage: LineageState
}

/** A token came with another key than the one that it opened its lineage for. */
export class TokenReused extends LanyardError {
  /** The lineage; null where it is another tenant's. */
  readonly lineage: string | null

  constructor(lineage: string | null) {
    super('token_reused', 'this token opened its lineage for another key')
    this.lineage = lineage
  }
}

/**
 * Opens the one lineage of an external token, for the agent that it names; registers that agent if it is not there,
 * which needs the tenant locked for this act alone. The same token with the same key thumbprint again (a lost reply)
 * gives the lineage that it opened; with another one nothing, and that comes back, to be told. Throws
 * `agent_provenance_conflict`, `token_reused`, `incarnation_dead`, `tenant_killed`, `agent_quarantined`,
 * `agent_retired`, `lineage_ended`, `lineage_forked`.
 */
export function* openFederated(rows: Rows, opening: FederatedOpening, act: OwnAct): Step<Opened | TokenReused> {
  const { caller } = act
  const { tenant, agent: name, tokenHash: hash } = caller
  const spent = yield* rows.federatedTokens.find(hash)
  if (spent) return yield* openedBefore(rows, spent, opening, act)
  const known = yield* judgeUpsert(rows, caller)
  const agent = known ?? broughtBy(caller, opening.spiffeIdOf, act.at)
  const token: FederatedTokenState = {
    ...{ hash, tenant, agent: name, lineage: opening.fresh.lineage },
    expiresAt: caller.expiresAt,
  }
  const first = yield* rows.federatedTokens.claim(token)
  if (first) return yield* openedBefore(rows, first, opening, act)
  if (known === undefined) yield* register(rows, agent, act)
  const { fresh, maxLineageSec, jkt } = opening
  return yield* openLineage(rows, { tenant, agent: name, jkt }, fresh, maxLineageSec, act)
}

/** The agent that comes into being by the token, where there is none of its name. */
export const broughtBy = (caller: ExternalTokenCaller, spiffeIdOf: SpiffeIdOf, at: number): AgentState => ({
  ...newAgent({ tenant: caller.tenant, agent: caller.agent, tier: caller.tier }, spiffeIdOf, at),
  provenance: provenanceOf(caller.issuer),
  externalSubject: caller.subject,
})

function* register(rows: Rows, agent: AgentState, act: OwnAct): Step<void> {
  const { spiffeId: spiffe_id, tier, provenance, externalSubject: external_subject } = agent
  yield* rows.agents.insert(agent)
  const detail = { spiffe_id, tier, provenance, external_subject }
  yield* rows.events.append(eventOf(act, 'agent.federated', agent, detail))
}

function* openedBefore(
  rows: Rows,
  { tenant, agent, lineage: id }: FederatedTokenState,
  { jkt = null as string | null }: { readonly jkt?: string | null | undefined },
  act: OwnAct,
): Step<Opened | TokenReused> {
  const { caller, at } = act
  const subject = yield* rows.lineages.subject(id)
  const isOwn = subject !== undefined && tenant === caller.tenant && agent === caller.agent
  // What another tenant has is none of this one's business, not even by its id.
  if (!isOwn || subject.lineage.jkt !== jkt) return new TokenReused(isOwn ? id : null)
  servedTier(subject)
  requireOpenLineage(subject, at)
  requireAlive(subject, subject.lineage.incarnation)
  if (at < agentTokenEnd(subject.lineage)) return subject
  throw new LanyardError('token_reused', 'this token opened its lineage before, and the agent token has ended')
}
