import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  type Act,
  type AgentKey,
  type AgentState,
  exclusive,
  newAgentSecret,
  requireStanding,
  rotateSecret,
  type SecretCaller,
  type SecretState,
  shared,
} from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { OpenStore } from '../ports.ts'

const NONE: SecretCaller['permissions'] = new Set()
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

/** Puts a secret of an agent into the store; gives its caller. */
export async function secretCaller({ store, rows }: OpenStore, agent: AgentState): Promise<SecretCaller> {
  const { id, hash } = newAgentSecret(dice, nodeCrypto)
  const { tenant, agent: name, incarnation, spiffeId } = agent
  const ends = { createdBy: 'server', createdAt: 0, endedAt: null }
  const secret: SecretState = { id, tenant, agent: name, hash, incarnation, standing: 'current', ...ends }
  await store.write(() => rows.secrets.insert(secret), exclusive(tenant))
  const who = { kind: 'agent-secret', tenant, agent: name, spiffeId, permissions: NONE, incarnation } as const
  return { ...who, secret: id, factor: null, expiresAt: Number.MAX_SAFE_INTEGER }
}

/** Exchanges one secret, as its holder would, on one of the instances. */
export function rotateAt({ store, rows }: OpenStore, caller: SecretCaller, at: number): Promise<SecretState> {
  const fresh = newAgentSecret(dice, nodeCrypto)
  const act: Act & { readonly caller: SecretCaller } = { caller, at, source: null, correlation: null }
  return store.write(function* () {
    yield* requireStanding(rows, act)
    return yield* rotateSecret(rows, fresh, act)
  }, shared(caller.tenant))
}

/**
 * 64 holders of one secret exchange it at once, spread over the instances: one has the new one, all others learn that.
 */
export async function requireOneWinner(instances: readonly OpenStore[], agent: AgentState, at: number): Promise<void> {
  const [first] = instances as readonly [OpenStore]
  const caller = await secretCaller(first, agent)
  const attempts = Array.from({ length: 64 }, (_, n) => rotateAt(instances[n % instances.length]!, caller, at))
  const outcomes = await Promise.allSettled(attempts)
  const won = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const lost = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
  assert.deepEqual([won.length, lost], [1, Array(63).fill('secret_superseded')])
  await requireCurrent(first, agent, won[0]!, caller.secret)
}

async function requireCurrent({ store, rows }: OpenStore, agent: AgentKey, winner: SecretState, old: string) {
  assert.deepEqual(await store.read(() => rows.secrets.current(agent)), winner)
  assert.equal((await store.read(() => rows.secrets.find(old)))?.standing, 'superseded')
  const { items } = await store.read(() => rows.events.list({ type: 'secret.rotated' }, { limit: 100, after: null }))
  assert.deepEqual(
    items.map(({ detail }) => detail),
    [{ id: winner.id, supersedes: old }],
  )
}
