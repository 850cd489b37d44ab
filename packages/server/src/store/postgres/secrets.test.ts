import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  type AgentState,
  createSecret,
  exclusive,
  freshLineage,
  killCredential,
  newAgentSecret,
  openSession,
  requireStanding,
  revokeSecrets,
  type SecretCaller,
  shared,
} from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { pipelineOn } from '../../testing/pipeline.ts'
import { startPostgres } from '../../testing/postgres.ts'
import type { OpenStore } from '../ports.ts'
import { requireOneWinner, rotateAt, secretCaller } from '../suite/rotations.ts'
import { openPostgresStore } from './open.ts'

const server = await startPostgres()
const clock = { now: () => Date.now() }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const key = { tenant: 'acme', agent: 'a1' }

/** Two instances on one database, with agent a1 of acme. */
async function twoOf(t: TestContext) {
  const url = await server.createDatabase()
  const open = () => openPostgresStore({ url, trustDomain: 'example.test', instance: randomUUID(), clock })
  const both = [await open(), await open()] as const
  t.after(() => Promise.all(both.map(store => store.close())))
  const pipeline = await pipelineOn(both[0], clock)
  await pipeline.tenant('acme')
  await pipeline.agent(key)
  const agent = (await both[0].store.read(() => both[0].rows.agents.find(key))) as AgentState
  return { both, pipeline, agent }
}

const codes = (results: readonly PromiseSettledResult<unknown>[]) =>
  new Set(results.map(result => (result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code)))

function sessionAt({ store, rows }: OpenStore, caller: SecretCaller) {
  const act = { caller, at: clock.now(), source: null, correlation: null }
  return store.write(function* () {
    yield* requireStanding(rows, act)
    return yield* openSession(rows, key, freshLineage(dice), 86_400, act)
  }, shared('acme'))
}

const alive = ({ store, rows }: OpenStore) => store.read(() => rows.lineages.ofAgent(key))

test('of 64 exchanges of one secret at once, on two instances, one wins', async t => {
  const { both, agent } = await twoOf(t)
  await requireOneWinner(both, agent, clock.now())
})

test('no session and no exchange that runs beside a revocation outlives it', async t => {
  const { both, pipeline, agent } = await twoOf(t)
  const [one, other] = both
  for (let round = 0; round < 8; round++) {
    const caller = await secretCaller(one, agent)
    const asked = Array.from({ length: 8 }, (_, n) => sessionAt(both[n % 2]!, caller))
    const rotated = both.map(instance => rotateAt(instance, caller, clock.now()))
    const step = () => revokeSecrets(other.rows, key, 'stolen', pipeline.act())
    const revoked = other.store.urgent(step, exclusive('acme'))
    const outcomes = codes(await Promise.allSettled([...asked, ...rotated]))
    await revoked
    for (const outcome of outcomes)
      assert.ok(['done', 'secret_superseded', 'secret_revoked'].includes(outcome), outcome)
    assert.deepEqual(await alive(one), [])
    assert.equal(await one.store.read(() => one.rows.secrets.current(key)), undefined)
  }
})

test('a kill by what a secret minted takes what it is exchanged for at this moment', async t => {
  const { both, pipeline, agent } = await twoOf(t)
  const [one, other] = both
  for (let round = 0; round < 8; round++) {
    const caller = await secretCaller(one, agent)
    const rotated = rotateAt(one, caller, clock.now())
    const request = { incident: randomUUID(), asked: randomBytes(32).toString('hex'), reason: 'stolen', evidence: null }
    const target = { kind: 'minted_by', value: `agent-secret:${caller.secret}` } as const
    const killed = other.store.urgent(
      () => killCredential(other.rows, target, request, pipeline.act()),
      exclusive('acme'),
    )
    await Promise.allSettled([rotated, killed])
    await killed
    assert.equal(await one.store.read(() => one.rows.secrets.current(key)), undefined)
  }
})

test('operators on two instances who make a secret at once leave one that counts', async t => {
  const { both, pipeline } = await twoOf(t)
  const made = Array.from({ length: 16 }, (_, n) => {
    const { store, rows } = both[n % 2]!
    const fresh = newAgentSecret(dice, nodeCrypto)
    return store.write(() => createSecret(rows, key, fresh, pipeline.act()), exclusive('acme'))
  })
  const states = await Promise.all(made)
  const [one] = both
  const kept = await one.store.read(() => one.rows.secrets.ofAgent(key))
  assert.deepEqual(kept.map(({ id }) => id).sort(), states.map(({ id }) => id).sort())
  assert.equal(kept.filter(({ standing }) => standing === 'current').length, 1)
})
