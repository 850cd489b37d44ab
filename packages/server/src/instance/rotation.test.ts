import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exclusiveAll, type Locks, type Step } from '@lanyard/authority'
import { equalBytes } from '@lanyard/protocol'
import type { KeyManager, KeyPurpose } from '../keys/key-manager.ts'
import { verifyServer, World } from './world.suite.ts'

const DAY = 86_400

describe('rotation', () => {
  test('does nothing while nothing is due', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const { cert } = authorities.serverTls()
    world.clock.pass(DAY / 2 - 60)
    await authorities.rotate()
    assert.equal(authorities.serverTls().cert, cert)
    assert.equal((await world.rows()).length, 9)
  })

  test("renews the server's certificate at half of its day, and tells whoever listens", async () => {
    const world = await World.make()
    const authorities = await world.open()
    const told: string[] = []
    authorities.onServerTls(({ cert, key }) => told.push(cert, key))
    const before = authorities.serverTls()
    world.clock.pass(DAY / 2 + 1)
    await authorities.rotate()
    const now = authorities.serverTls()
    assert.deepEqual(told, [now.cert, now.key])
    assert.notEqual(now.key, before.key)
    verifyServer(authorities, world.clock.now())
    verifyServer(authorities, world.clock.now() + (DAY - 60) * 1000)
  })

  test('replaces intermediates at half of their life; what the old one signed stays valid', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const before = authorities.agentsIssuer()
    world.clock.pass(3.5 * DAY + 1)
    await authorities.rotate()
    const now = authorities.agentsIssuer()
    assert.notEqual(now.keyId, before.keyId)
    assert.ok(before.certificate.notAfter * 1000 > world.clock.now() + 3 * DAY * 1000)
    verifyServer(authorities, world.clock.now())
    assert.equal(authorities.bundle().sequence, 3n)
    const old = (await world.rows()).find(({ keyId }) => keyId === before.keyId)!
    assert.deepEqual([old.state, old.sealed], ['retired', null])
    assert.ok(equalBytes(before.certificate.der, old.certificate!))
    await assert.rejects(
      () => world.keys.open({ ...old, purpose: 'x509-agents', algorithm: 'P-256', handle: new Uint8Array() }),
      {
        code: 'keys_missing',
      },
    )
  })

  test('goes on for months, turn by turn, without a gap and without a restart', async () => {
    const world = await World.make()
    const authorities = await world.open()
    for (let hour = 0; hour < 200 * 24; hour += 11) {
      world.clock.pass(11 * 3600)
      await authorities.rotate()
      assert.ok(authorities.canIssue(world.clock.now()))
      verifyServer(authorities, world.clock.now())
      const { certificate } = authorities.eventsSigner()
      assert.ok(certificate.notAfter * 1000 > world.clock.now() + 180 * DAY * 1000)
    }
    const again = await world.open()
    assert.equal(again.agentsIssuer().keyId, authorities.agentsIssuer().keyId)
  })

  test('goes on after somebody else has changed the authorities in the store', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const other = await world.open()
    world.clock.pass(4 * DAY)
    await other.rotate()
    await authorities.rotate()
    assert.equal(authorities.agentsIssuer().keyId, other.agentsIssuer().keyId)
    world.clock.pass(4 * DAY)
    await authorities.rotate()
    await other.rotate()
    assert.equal(authorities.agentsIssuer().keyId, other.agentsIssuer().keyId)
    verifyServer(other, world.clock.now())
  })

  test('makes an instance that was put out of service no new authorities', async () => {
    const world = await World.make()
    const authorities = await world.open()
    const { store, rows, instance } = world.data
    await store.urgent(() => rows.instances.evict(instance, world.clock.now()), exclusiveAll)
    const before = await world.rows()
    world.clock.pass(4 * DAY)
    await assert.rejects(() => authorities.rotate(), { code: 'instance_evicted' })
    assert.deepEqual(await world.rows(), before)
  })

  test('that cannot be stored leaves all as it was, and is done at the next turn', async () => {
    const world = await World.make()
    let full = false
    const store = {
      read: <T>(step: () => Step<T>) => world.read(step),
      write: <T>(step: () => Step<T>, locks: Locks) =>
        full ? Promise.reject(new Error('disk full')) : world.data.store.write(step, locks),
      urgent: <T>(step: () => Step<T>, locks: Locks) => world.data.store.urgent(step, locks),
    }
    const authorities = await world.open({}, { store })
    const before = authorities.agentsIssuer()
    world.clock.pass(4 * DAY)
    full = true
    await assert.rejects(() => authorities.rotate(), /disk full/)
    assert.equal(authorities.agentsIssuer(), before)
    full = false
    await authorities.rotate()
    assert.notEqual(authorities.agentsIssuer().keyId, before.keyId)
  })

  test('that fails until the intermediate is nearly over makes the instance not ready', async () => {
    const world = await World.make()
    const authorities = await world.open()
    world.clock.pass(7 * DAY - 601)
    assert.ok(authorities.canIssue(world.clock.now()))
    world.clock.pass(2)
    assert.ok(!authorities.canIssue(world.clock.now()))
  })

  test('opens the root for the signatures alone, and not otherwise', async () => {
    const world = await World.make()
    const opened: KeyPurpose[] = []
    const keys: KeyManager = {
      protection: 'passphrase',
      create: (purpose, algorithm) => world.keys.create(purpose, algorithm),
      open: key => {
        opened.push(key.purpose)
        return world.keys.open(key)
      },
      destroy: key => world.keys.destroy(key),
      deriveSecret: purpose => world.keys.deriveSecret(purpose),
    }
    await world.open({}, { keys })
    assert.equal(opened.length, 0)
    const authorities = await world.open({}, { keys })
    assert.ok(!opened.includes('x509-root'))
    world.clock.pass(DAY)
    await authorities.rotate()
    assert.ok(!opened.includes('x509-root'))
    world.clock.pass(3 * DAY)
    await authorities.rotate()
    assert.equal(opened.filter(purpose => purpose === 'x509-root').length, 1)
  })

  test('stops where the root ends, and says so', async () => {
    const world = await World.make()
    const authorities = await world.open()
    world.clock.pass(3651 * DAY)
    await assert.rejects(() => authorities.rotate(), { code: 'not_ready' })
  })
})
