import { LONGEST_LIFE } from '../lifetime.ts'
import type { AgentState, DeathKind, DeathState, LineageState, Rows, Step, TenantState } from '../ports.ts'

/** A death before it has its epoch. `at` where it is not the moment of the act. */
export type NewDeath = Omit<DeathState, 'epoch' | 'at'> & { readonly at?: number }

/** A subject that ever died lives again only in an incarnation of its own. */
const isDead = ({ reborn, through }: Pick<DeathState, 'reborn' | 'through'>): boolean => reborn <= through

/**
 * When the last credential of any kind that was given out before `at` has ended, a minute added for clocks that differ.
 * Nothing renews what is dead, so no credential needs to be looked up.
 */
const lastBreath = (at: number): number => at + (LONGEST_LIFE + 60) * 1000

/** Stays until the agent is reborn. */
export const agentDeath = ({ spiffeId, deadThrough }: AgentState): NewDeath => ({
  kind: 'agent',
  value: spiffeId,
  through: deadThrough,
  reborn: 0,
  until: null,
})

/** Seconds: no token of a provider counts for longer. */
const OLDEST_EXTERNAL_TOKEN = 86_400

/**
 * When the last token of a provider has ended that was issued before `at`: it carries no incarnation of ours, and is
 * judged by when its agent was reborn.
 */
const lastWord = (at: number): number => at + (OLDEST_EXTERNAL_TOKEN + 60) * 1000

/** Its old credentials stay dead for as long as they could be shown. */
export const agentRebirth = (agent: AgentState, at: number): NewDeath => ({
  kind: 'agent',
  value: agent.spiffeId,
  through: agent.deadThrough,
  reborn: agent.incarnation,
  until: agent.provenance === 'internal' ? lastBreath(at) : lastWord(at),
})

export const tenantDeath = ({ tenant, deadThrough }: TenantState, at: number): NewDeath => ({
  kind: 'tenant',
  value: tenant,
  through: deadThrough,
  reborn: 0,
  until: null,
  at,
})

export const tenantRebirth = ({ tenant, deadThrough, incarnation }: TenantState, at: number): NewDeath => ({
  kind: 'tenant',
  value: tenant,
  through: deadThrough,
  reborn: incarnation,
  until: lastWord(at),
})

/**
 * Of an agent whose tenant died: the rebirth of the tenant must not revive what the agent held. Nothing that it was
 * given outlives this, so it needs no rebirth of its own.
 */
export const agentDeathWithTenant = ({ spiffeId, deadThrough, incarnation }: AgentState, at: number): NewDeath => ({
  kind: 'agent',
  value: spiffeId,
  through: Math.max(deadThrough, incarnation),
  reborn: 0,
  until: lastBreath(at),
  at,
})

export const lineageDeath = ({ id }: Pick<LineageState, 'id'>, at: number): NewDeath => ({
  kind: 'lineage',
  value: id,
  through: 1,
  reborn: 0,
  until: lastBreath(at),
})

/** Stays: whoever holds the private key could have it certified again. */
export const keyDeath = (thumbprint: string): NewDeath => ({
  kind: 'key',
  value: thumbprint,
  through: 1,
  reborn: 0,
  until: null,
})

export const issuerDeath = (issuerKeyId: string, until: number): NewDeath => ({
  kind: 'issuer',
  value: issuerKeyId,
  through: 1,
  reborn: 0,
  until,
})

/** Which of the subjects are dead, of those that no agent or tenant stands for. */
export function* deadAmong(
  rows: Pick<Rows, 'deaths'>,
  subjects: readonly (readonly [DeathKind, string])[],
): Step<ReadonlySet<string>> {
  const known = yield* rows.deaths.among(subjects)
  return new Set(known.filter(isDead).map(({ kind, value }) => `${kind} ${value}`))
}
