import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exclusiveAll, shared } from '@lanyard/authority'
import type { AuthorityState } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { NOW } from './samples.ts'

const authority = (number: number, changes: Partial<AuthorityState>): AuthorityState => ({
  keyId: `0${number}`.repeat(20),
  purpose: 'x509-agents',
  instance: null,
  algorithm: 'p256',
  certificate: new Uint8Array([48, 0]),
  sealed: null,
  state: 'active',
  createdAt: NOW + number,
  notAfter: NOW + 100,
  ...changes,
})

export function instancesSuite(place: () => Place): void {
  describe('instances', () => {
    test('say that they serve, until they are evicted, which they stay', async t => {
      const { store, rows, instance } = await opened(t, place)
      const fresh = { instance, createdAt: NOW, seenAt: null, evictedAt: null }
      assert.deepEqual(await store.read(() => rows.instances.list()), [fresh])
      assert.equal(await store.read(() => rows.instances.find('nobody')), undefined)
      await store.write(() => rows.instances.seen(instance, NOW + 1), shared())
      await store.write(() => rows.instances.seen(instance, NOW + 2), shared())
      assert.deepEqual(await store.read(() => rows.instances.find(instance)), { ...fresh, seenAt: NOW + 2 })
      await store.urgent(() => rows.instances.evict(instance, NOW + 3), exclusiveAll)
      await store.urgent(() => rows.instances.evict(instance, NOW + 4), exclusiveAll)
      const evicted = { ...fresh, seenAt: NOW + 2, evictedAt: NOW + 3 }
      assert.deepEqual(await store.read(() => rows.instances.find(instance)), evicted)
      await assert.rejects(store.write(() => rows.instances.seen('nobody', NOW), shared()))
      await assert.rejects(store.urgent(() => rows.instances.evict('nobody', NOW), exclusiveAll))
    })

    test('are known by the keys that they issued with, as long as those last', async t => {
      const { store, rows, instance } = await opened(t, place)
      await store.write(function* () {
        yield* rows.authorities.insert(authority(1, { instance, state: 'retired', notAfter: NOW }))
        yield* rows.authorities.insert(authority(2, { instance, state: 'retired' }))
        yield* rows.authorities.insert(authority(3, { instance }))
        yield* rows.authorities.insert(authority(4, { instance, purpose: 'x509-service' }))
        yield* rows.authorities.insert(authority(5, { instance, purpose: 'events' }))
        yield* rows.authorities.insert(authority(6, { purpose: 'root' }))
        yield* rows.authorities.insert(authority(7, { instance, purpose: 'feed' }))
      }, shared())
      const issuers = async (now: number) =>
        (await store.read(() => rows.instances.issuers(instance, now))).map(keyId => keyId.slice(0, 2))
      assert.deepEqual(await issuers(NOW), ['01', '02', '03', '04', '07'])
      assert.deepEqual(
        await issuers(NOW + 999),
        ['01', '02', '03', '04', '07'],
        'the second in which it ends still counts',
      )
      assert.deepEqual(await issuers(NOW + 1000), ['02', '03', '04', '07'])
      assert.deepEqual(await issuers(NOW + 1100), [])
    })
  })
}
