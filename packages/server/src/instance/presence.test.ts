import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exclusiveAll } from '@lanyard/authority'
import { Presence } from './presence.ts'
import { World } from './world.suite.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

async function settle() {
  const world = await World.make()
  const { store, rows, instance } = world.data
  const presence = new Presence({ store, rows, instance, clock: world.clock, log })
  const own = async () => (await world.read(() => rows.instances.find(instance)))!
  const evict = () => store.urgent(() => rows.instances.evict(instance, world.clock.now()), exclusiveAll)
  return { world, presence, own, evict }
}

test('an instance writes that it serves, each time anew', async () => {
  const { world, presence, own } = await settle()
  await presence.begin()
  const first = (await own()).seenAt
  assert.equal(first, world.clock.now())
  world.clock.pass(5)
  await presence.tell()
  assert.equal((await own()).seenAt, first! + 5000)
  assert.equal(presence.evicted, false)
})

test('one that was put out of service learns it, says so once, and writes no more', async () => {
  const { world, presence, own, evict } = await settle()
  await presence.begin()
  let told = 0
  presence.onEvicted(() => told++)
  await presence.look()
  assert.equal(told, 0)
  await evict()
  const { seenAt } = await own()
  world.clock.pass(5)
  await presence.look()
  await presence.tell()
  assert.deepEqual([presence.evicted, told, (await own()).seenAt], [true, 1, seenAt])
})

test('one that was put out of service does not begin', async () => {
  const { presence, evict } = await settle()
  await evict()
  await assert.rejects(() => presence.begin(), { code: 'instance_evicted' })
})
