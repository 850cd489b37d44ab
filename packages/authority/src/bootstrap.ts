import { LanyardError } from '@lanyard/api'
import { toHex } from '@lanyard/protocol'
import { requireMayBecome } from './access/becoming.ts'
import {
  type Act,
  actorOf,
  type ExternalTokenCaller,
  type ManagerCaller,
  type SecretCaller,
  type TokenCaller,
} from './caller.ts'
import { eventOf } from './event.ts'
import { requireMintable, storeLineage } from './federation/gate.ts'
import { AGENT_TOKEN_SEC } from './lifetime.ts'
import { servedTier } from './liveness.ts'
import { requireName } from './names.ts'
import type { AgentKey, AgentState, Dice, LineageState, Rows, Step } from './ports.ts'
import { requireAgent } from './registry/agents.ts'
import { requireCovered } from './registry/api-keys.ts'
import { requireTenantState } from './registry/tenants.ts'

/** What opens a lineage. */
export interface Opening extends AgentKey {
  /** Thumbprint of the key that the token shall be bound to. */
  readonly jkt?: string | undefined
}

/** Who may open lineages: whoever manages, for agents that it covers; all others for the one agent that they prove. */
export type OpeningCaller = ManagerCaller | SecretCaller | ExternalTokenCaller

/** Random names of a new lineage and its token. */
export interface Fresh {
  readonly lineage: string
  readonly jti: string
}

export const freshLineage = (dice: Dice): Fresh => ({ lineage: toHex(dice.bytes(16)), jti: toHex(dice.bytes(16)) })

/**
 * Opens a lineage for an agent, which a token then names. Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`,
 * `agent_unknown`, `agent_not_covered`, `role_too_wide`, `federation_required` where only a provider's token opens one,
 * and by the liveness gate `tenant_killed`, `agent_quarantined`, `agent_retired`.
 */
export function* openLineage(
  rows: Rows,
  opening: Opening,
  fresh: Fresh,
  maxLineageSec: number,
  act: Act & { readonly caller: OpeningCaller },
): Step<{ agent: AgentState; lineage: LineageState }> {
  requireName('agent', opening.agent)
  const tenant = yield* requireTenantState(rows, opening.tenant, act)
  requireOpener(act.caller, opening)
  if (act.caller.kind !== 'external-token') yield* requireMintable(rows, opening.tenant)
  const agent = yield* requireAgent(rows, opening, act)
  yield* requireMayBecome(rows, agent, act)
  servedTier({ tenant, agent })
  const lineage: LineageState = {
    id: fresh.lineage,
    tenant: agent.tenant,
    agent: agent.agent,
    incarnation: agent.incarnation,
    openedAt: act.at,
    endsAt: act.at + maxLineageSec * 1000,
    mintedBy: actorOf(act.caller),
    jti: fresh.jti,
    jkt: opening.jkt ?? null,
    standing: 'open',
    generation: 0,
    newestKey: null,
  }
  yield* storeLineage(rows, lineage)
  yield* rows.events.append(eventOf(act, 'agent.bootstrapped', agent, { lineage: lineage.id, jti: lineage.jti }))
  return { agent, lineage }
}

function requireOpener(caller: OpeningCaller, { tenant, agent }: AgentKey): void {
  if (caller.kind === 'api-key' || caller.kind === 'principal') requireCovered(caller, agent)
  else if (caller.tenant !== tenant || caller.agent !== agent)
    throw new LanyardError('credential_conflict', 'expected the credential of the agent that is named')
}

/** `typ` of agent tokens: keeps them apart from every other token that we sign. */
export const AGENT_TOKEN_TYP = 'lanyard-agent+jwt'

/** The audience of agent tokens; never minted as a JWT-SVID's. */
export const agentTokenAudience = (trustDomain: string) => `lanyard:${trustDomain}`
export const agentTokenIssuer = (trustDomain: string) => `spiffe://${trustDomain}`

/** When the token of a lineage ends, Unix milliseconds. */
export const agentTokenEnd = ({ openedAt }: Pick<LineageState, 'openedAt'>): number =>
  (Math.floor(openedAt / 1000) + AGENT_TOKEN_SEC) * 1000

/** The claims of the token that names this lineage. */
export function agentTokenClaims(trustDomain: string, lineage: LineageState) {
  const iat = Math.floor(lineage.openedAt / 1000)
  return {
    iss: agentTokenIssuer(trustDomain),
    aud: agentTokenAudience(trustDomain),
    sub: lineage.agent,
    tid: lineage.tenant,
    jti: lineage.jti,
    inc: lineage.incarnation,
    lin: lineage.id,
    iat,
    exp: agentTokenEnd(lineage) / 1000,
    ...(lineage.jkt === null ? {} : { cnf: { jkt: lineage.jkt } }),
  }
}

/** What a verified token says; undefined for claims that are not as we write them. */
export function readAgentTokenClaims(
  claims: Readonly<Record<string, unknown>>,
): Pick<TokenCaller, 'tenant' | 'agent' | 'jti' | 'jkt' | 'incarnation' | 'lineage' | 'expiresAt'> | undefined {
  const { sub, tid, jti, inc, lin, exp, cnf } = claims
  const jkt = cnf === undefined ? null : (cnf as { jkt?: unknown } | null)?.jkt
  const strings = [sub, tid, jti, lin].every(value => typeof value === 'string')
  const numbers = Number.isSafeInteger(inc) && Number.isSafeInteger(exp)
  if (!strings || !numbers || (jkt !== null && typeof jkt !== 'string')) return undefined
  return {
    tenant: tid as string,
    agent: sub as string,
    jti: jti as string,
    jkt,
    incarnation: inc as number,
    lineage: lin as string,
    expiresAt: (exp as number) * 1000,
  }
}
