import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { settled } from '../testing/index.ts'
import { SvidWorld } from './svids.suite.ts'

const serialOf = (world: SvidWorld, entry: string) => {
  const state = world.manager.stateOf(entry)
  return state.kind === 'svid' ? state.svid.serial : state.kind
}

test('an SVID is made when first asked for, once for all who ask', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  assert.equal(world.asked.length, 0)
  for (let i = 0; i < 5; i++) world.manager.follow(entry)
  await settled()
  assert.equal(world.asked.length, 1)
  assert.equal(world.asked[0]!.renews, null)
  assert.equal(world.manager.held[0]!.id.toString(), entry.spiffe_id)
})

test('it is renewed at half life in its lineage, with a new key, while somebody follows', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  const leave = world.manager.follow(entry)
  await settled()
  const first = world.manager.held[0]!
  await world.time.advance(149_000)
  assert.equal(world.asked.length, 1)
  await world.time.advance(2_000)
  assert.deepEqual(world.asked[1]!.renews, { lineage: first.lineage, serial: first.serial })
  assert.notEqual(world.asked[1]!.spki, world.asked[0]!.spki)
  assert.notEqual(serialOf(world, entry.id), first.serial)
  leave()
  // Within the hour after it was last wanted it is kept fresh, and then let go.
  await world.time.advance(3_500_000)
  assert.ok(world.manager.held.length === 1)
  const asked = world.asked.length
  await world.time.advance(1_000_000)
  assert.equal(world.manager.held.length, 0)
  assert.ok(world.asked.length - asked <= 2)
})

test('a death is told of all, also where the disk lets nothing be removed', async () => {
  const world = new SvidWorld()
  const entries = [world.add(), world.add()]
  for (const entry of entries) world.manager.follow(entry)
  await settled()
  world.folder.remove = () => {
    throw new Error('EROFS: read-only file system')
  }
  world.dead = () => 'agent'
  world.manager.judge()
  for (const { id } of entries) assert.equal(world.manager.stateOf(id).kind, 'refused')
  world.manager.entriesChanged([], [entries[0]!.id])
  assert.equal(world.manager.held.length, 0)
})

test('a reply that was lost is asked for again with the same key, so that it is no fork', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  const first = serialOf(world, entry.id)
  world.refusal = new LanyardError('server_unreachable', 'away')
  await world.time.advance(160_000)
  assert.ok(world.asked.length >= 3)
  assert.equal(serialOf(world, entry.id), first)
  world.refusal = null
  await world.time.advance(30_000)
  assert.equal(new Set(world.asked.slice(1).map(({ spki }) => spki)).size, 1)
  assert.notEqual(serialOf(world, entry.id), first)
})

test('one that could not be renewed is withdrawn when it ends, and comes back with the authority', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  world.refusal = new LanyardError('server_unreachable', 'away')
  await world.time.advance(300_000)
  assert.equal(world.manager.held.length, 1)
  await world.time.advance(4_000)
  assert.equal(world.manager.stateOf(entry.id).kind, 'unavailable')
  world.refusal = null
  world.manager.again()
  await settled()
  assert.equal(world.manager.stateOf(entry.id).kind, 'svid')
})

test('a death withdraws at once and takes the file along; a rebirth lets it be asked for again', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  assert.equal(world.folder.names().length, 1)
  world.dead = () => 'agent'
  world.refusal = new LanyardError('agent_quarantined', 'killed')
  world.manager.judge()
  const state = world.manager.stateOf(entry.id)
  assert.ok(state.kind === 'refused' && state.code === 'agent_quarantined')
  assert.deepEqual(world.folder.names(), [])
  const asked = world.asked.length
  world.manager.ask(entry)
  await settled()
  assert.equal(world.asked.length, asked, 'a refusal holds for a while')
  world.dead = () => 'alive'
  world.refusal = null
  world.manager.again()
  await settled()
  assert.equal(world.manager.stateOf(entry.id).kind, 'svid')
  assert.equal(world.asked.at(-1)!.renews, null)
})

test('an SVID that came after its death was heard is not handed out', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.dead = () => 'tenant'
  world.manager.follow(entry)
  await settled()
  const state = world.manager.stateOf(entry.id)
  assert.ok(state.kind === 'refused' && state.code === 'tenant_killed')
  assert.deepEqual(world.folder.names(), [])
})

for (const verdict of ['lineage', 'key', 'issuer'] as const)
  test(`the death of a ${verdict} leads to a new lineage, without a message where that is quick`, async () => {
    const world = new SvidWorld()
    const entry = world.add()
    world.manager.follow(entry)
    await settled()
    const first = world.manager.held[0]!
    world.changed.length = 0
    world.dead = ({ lineage }) => (lineage === first.lineage ? verdict : 'alive')
    world.manager.judge()
    assert.equal(world.manager.stateOf(entry.id).kind, 'pending')
    await settled()
    assert.equal(world.asked.at(-1)!.renews, null)
    assert.notEqual(serialOf(world, entry.id), first.serial)
    assert.deepEqual(world.changed, [entry.id])
  })

test('a death is told within 100 ms also when no other certificate comes', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  world.dead = () => 'lineage'
  world.refusal = new LanyardError('server_unreachable', 'away')
  world.manager.judge()
  await world.time.advance(99)
  assert.equal(world.manager.stateOf(entry.id).kind, 'unavailable')
})

test('a lineage that the authority ended is left for a new one at once', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  const first = serialOf(world, entry.id)
  world.refusal = new LanyardError('lineage_ended', 'thirty days')
  await world.time.advance(150_100)
  world.refusal = null
  await world.time.advance(2_000)
  assert.equal(world.asked.at(-1)!.renews, null)
  assert.notEqual(serialOf(world, entry.id), first)
})

test('a changed entry is renewed, one with another name begins anew, a removed one is gone', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  const first = serialOf(world, entry.id)
  const hinted = { ...entry, revision: entry.revision + 1, hint: 'new' }
  world.entries.set(entry.id, hinted)
  world.manager.entriesChanged([hinted], [])
  await settled()
  assert.notEqual(serialOf(world, entry.id), first)
  assert.equal(world.manager.held[0]!.hint, 'new')
  assert.notEqual(world.asked.at(-1)!.renews, null)

  const other = {
    ...hinted,
    revision: entry.revision + 2,
    spiffe_id: `${entry.spiffe_id}-2`,
    agent: `${entry.agent}-2`,
  }
  world.entries.set(entry.id, other)
  world.manager.entriesChanged([other], [])
  assert.equal(world.manager.stateOf(entry.id).kind, 'pending')
  await settled()
  assert.equal(world.manager.held[0]!.id.toString(), other.spiffe_id)
  assert.equal(world.asked.at(-1)!.renews, null)

  world.manager.entriesChanged([], [entry.id])
  assert.equal(world.manager.held.length, 0)
  assert.deepEqual(world.folder.names(), [])
})

test('a lineage that dies while it is renewed is left for a new one at once', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  const first = world.manager.held[0]!
  world.dead = ({ lineage }) => (lineage === first.lineage ? 'lineage' : 'alive')
  world.onAsked = renews => {
    if (renews === null) return
    world.manager.judge()
    throw new LanyardError('lineage_ended', 'killed')
  }
  await world.time.advance(152_000)
  assert.notEqual(serialOf(world, entry.id), first.serial)
  assert.equal(world.manager.stateOf(entry.id).kind, 'svid')
})

test('a key that was used before is replaced, and costs nothing that is held', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  const first = serialOf(world, entry.id)
  world.refusal = new LanyardError('key_reused', 'seen before')
  await world.time.advance(151_000)
  assert.equal(serialOf(world, entry.id), first)
  world.refusal = null
  await world.time.advance(5_000)
  assert.notEqual(serialOf(world, entry.id), first)
  assert.equal(new Set(world.asked.map(({ spki }) => spki)).size, world.asked.length)
})

test('a restart in an outage goes on with what is on disk until it ends', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  const first = serialOf(world, entry.id)
  const file = join(world.folder.path, world.folder.names()[0]!)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  world.refusal = new LanyardError('server_unreachable', 'away')
  world.restart()
  assert.equal(serialOf(world, entry.id), first)
  world.manager.follow(entry)
  await world.time.advance(200_000)
  assert.equal(serialOf(world, entry.id), first)
  world.restart()
  await world.time.advance(200_000)
  world.restart()
  assert.equal(world.manager.held.length, 0)
  assert.deepEqual(world.folder.names(), [])
})

test('clocks that are set by an hour neither withdraw nor keep anything', async () => {
  for (const jump of [3_600_000, -3_600_000]) {
    const world = new SvidWorld()
    const entry = world.add()
    let real = world.time.now()
    const beat = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        await world.time.advance(1_000)
        real += 1_000
        world.clock.told(real)
      }
    }
    world.manager.follow(entry)
    await beat(10_000)
    world.time.jump(jump)
    await beat(20_000)
    assert.equal(world.manager.held.length, 1, `after a jump by ${jump} ms`)
    assert.equal(world.asked.length, 1, `after a jump by ${jump} ms`)
  }
})

test('one that has not begun by the clock of the authority is replaced, and not in a storm', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.clock.told(world.time.now())
  world.manager.follow(entry)
  await settled()
  const first = serialOf(world, entry.id)
  await world.time.advance(2_000)
  assert.equal(world.asked.length, 1)
  // Set back by an hour, while what certifies still is an hour ahead.
  world.clock.told(world.time.now() - 3_600_000)
  for (let asked = 0; asked < 100; asked++) {
    world.manager.ask(entry)
    await settled()
  }
  assert.equal(world.asked.length, 2)
  assert.notEqual(serialOf(world, entry.id), first)
  await world.time.advance(2_500)
  assert.ok(world.asked.length <= 5, `${world.asked.length} were asked for`)
})

test('a machine that slept longer than a life hands out nothing that has ended', async () => {
  const world = new SvidWorld()
  const entry = world.add()
  world.manager.follow(entry)
  await settled()
  world.refusal = new LanyardError('server_unreachable', 'away')
  world.time.jump(400_000)
  assert.equal(world.manager.stateOf(entry.id).kind, 'pending')
  assert.equal(world.manager.held.length, 0)
})
