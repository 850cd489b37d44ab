import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { exclusive, freshLineage, openLineage, shared, updateIdp } from '@lanyard/authority'
import { pipelineOn } from '../../testing/pipeline.ts'
import { startPostgres } from '../../testing/postgres.ts'
import { federate, named, vouchedFor } from './federation-plays.ts'
import { openPostgresStore } from './open.ts'

const server = await startPostgres()
const clock = { now: () => Date.now() }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

/** Two instances on one database. */
async function twoOf(t: TestContext) {
  const url = await server.createDatabase()
  const open = () => openPostgresStore({ url, trustDomain: 'example.test', instance: randomUUID(), clock })
  const both = [await open(), await open()] as const
  t.after(() => Promise.all(both.map(store => store.close())))
  return { both, pipeline: await pipelineOn(both[0], clock) }
}

test('one token that comes to two instances at once opens one lineage, for one key', async t => {
  const { both, pipeline } = await twoOf(t)
  const [one] = both
  await pipeline.tenant('acme')
  const idp = await federate(one.store, one.rows, pipeline, { tenant: 'acme' })
  for (let round = 0; round < 8; round++) {
    const caller = named(idp, `worker-${round >> 1}`)
    // Odd rounds find the agent, which takes no lock of its own.
    const isKnown = round % 2 === 1
    const asked = Array.from({ length: 16 }, (_, n) => {
      const { store, rows } = both[n % 2]!
      return vouchedFor(store, rows, pipeline, caller, { jkt: 'ab'[n % 2], isKnown })
    })
    const results = await Promise.all(asked)
    const opened = results.flatMap(result => (result instanceof LanyardError ? [] : [result.lineage.id]))
    const refused = results.flatMap(result => (result instanceof LanyardError ? [result.code] : []))
    assert.deepEqual([opened.length, new Set(opened).size], [8, 1])
    assert.deepEqual(refused, Array(8).fill('token_reused'))
    const held = await one.store.read(() => one.rows.lineages.ofAgent(caller))
    assert.equal(held.filter(({ id }) => id === opened[0]).length, 1)
    assert.equal(held.length, isKnown ? 2 : 1)
  }
})

test('no lineage that is opened beside the beginning of federation outlives it', async t => {
  const { both, pipeline } = await twoOf(t)
  const [one, other] = both
  for (let round = 0; round < 8; round++) {
    const key = { tenant: `t${round}`, agent: 'invoice' }
    await pipeline.tenant(key.tenant)
    await pipeline.agent(key)
    const asked = Array.from({ length: 12 }, (_, n) => {
      const { store, rows } = both[n % 2]!
      return store.write(() => openLineage(rows, key, freshLineage(dice), 60, pipeline.act()), shared(key.tenant))
    })
    const began = federate(other.store, other.rows, pipeline, key)
    const outcomes = await Promise.allSettled(asked)
    await began
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'federation_required')
    assert.deepEqual(await one.store.read(() => one.rows.lineages.ofAgent(key)), [])
    assert.equal(await one.store.read(() => one.rows.lineages.countInternal(key.tenant, 0)), 0)
  }
})

test('no token counts beside the moment that its provider is switched off, and not after it', async t => {
  const { both, pipeline } = await twoOf(t)
  const [one, other] = both
  await pipeline.tenant('acme')
  const idp = await federate(one.store, one.rows, pipeline, { tenant: 'acme' })
  await vouchedFor(one.store, one.rows, pipeline, named(idp, 'worker'), { isKnown: false })
  const asked = Array.from({ length: 12 }, (_, n) => {
    const { store, rows } = both[n % 2]!
    return vouchedFor(store, rows, pipeline, named(idp, 'worker'), { isKnown: true })
  })
  const off = other.store.write(() => updateIdp(other.rows, idp, { enabled: false }, pipeline.act()), exclusive('acme'))
  const outcomes = await Promise.allSettled(asked)
  await off
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'idp_disabled')
  const late = vouchedFor(one.store, one.rows, pipeline, named(idp, 'worker'), { isKnown: true })
  await assert.rejects(late, { code: 'idp_disabled' })
})
