import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandTimers } from '../../../../test/support/hand-timers.ts'
import { serverConfig } from '../config.ts'
import { startJobs } from './jobs.ts'
import { World } from './world.suite.ts'

/** The jobs of an instance, on timers that are turned by hand, and the messages of those that failed. */
async function begin(world: World, prune: () => Promise<never>) {
  const timers = new HandTimers()
  const failed: string[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => void failed.push(message) }
  const authorities = await world.open()
  const { retention } = serverConfig()
  const incidents = { turn: async () => {} }
  const presence = { tell: async () => {} }
  const data = { ...world.data, prune }
  const stop = startJobs({
    data,
    authorities,
    incidents,
    presence,
    retention,
    nodes: { graceSec: 0 },
    clock: world.clock,
    timers,
    log,
  })
  return { timers, failed, stop, authorities }
}

test('a job that fails is told, and neither stops the others nor itself', async () => {
  const world = await World.make()
  const { timers, failed, stop, authorities } = await begin(world, () => Promise.reject(new Error('no')))
  const { keyId } = authorities.agentsIssuer()
  world.clock.pass(4 * 86_400)
  await timers.turn()
  assert.deepEqual(failed, ['removal of old rows failed'])
  assert.notEqual(authorities.agentsIssuer().keyId, keyId)
  const heads = () =>
    world.read(() =>
      world.data.rows.heads.list({ instance: world.data.instance, chain: 'audit' }, { limit: 9, after: null }),
    )
  assert.equal((await heads()).items.length, 1)
  await timers.turn()
  assert.equal(failed.length, 2)
  await stop()
  assert.equal(timers.size, 0)
})

test('the end of the jobs waits for what is under way', async () => {
  const world = await World.make()
  const begun = Promise.withResolvers<void>()
  const pruning = Promise.withResolvers<never>()
  const { timers, failed, stop } = await begin(world, () => {
    begun.resolve()
    return pruning.promise
  })
  const turn = timers.turn()
  await begun.promise
  let over = false
  const stopped = stop().then(() => {
    over = true
  })
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(over, false)
  pruning.reject(new Error('late'))
  await Promise.all([turn, stopped])
  assert.deepEqual(failed, ['removal of old rows failed'])
})
