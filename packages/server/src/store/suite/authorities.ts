import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shared } from '@lanyard/authority'
import type { AuthorityState } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { NOW } from './samples.ts'

const authority = (changes: Partial<AuthorityState> = {}): AuthorityState => ({
  keyId: '0a'.repeat(20),
  purpose: 'root',
  instance: null,
  algorithm: 'p256',
  certificate: null,
  sealed: new Uint8Array([1, 2, 3]),
  state: 'active',
  createdAt: NOW,
  notAfter: null,
  ...changes,
})

export function authoritiesSuite(place: () => Place): void {
  describe('authorities, meta and instances', () => {
    test('give back what was written and change what may change', async t => {
      const { store, rows, instance } = await opened(t, place)
      const own = authority({ keyId: '0b'.repeat(20), purpose: 'agents', instance, createdAt: NOW + 1 })
      await store.write(function* () {
        yield* rows.authorities.insert(own)
        yield* rows.authorities.insert(authority())
      }, shared())
      assert.deepEqual(await store.read(() => rows.authorities.list({})), [authority(), own])
      assert.deepEqual(await store.read(() => rows.authorities.list({ purpose: 'agents' })), [own])
      const certified = { certificate: new Uint8Array([48, 0]), notAfter: NOW + 5 }
      await store.write(() => rows.authorities.change(own.keyId, certified), shared())
      await store.write(() => rows.authorities.change(own.keyId, { sealed: null, state: 'retired' }), shared())
      const after = { ...own, ...certified, sealed: null, state: 'retired' }
      assert.deepEqual(await store.read(() => rows.authorities.find(own.keyId)), after)
      assert.equal(await store.read(() => rows.authorities.find('0c'.repeat(20))), undefined)
      await assert.rejects(store.write(() => rows.authorities.change('0c'.repeat(20), { state: 'retired' }), shared()))
      await assert.rejects(
        store.write(() => rows.authorities.insert(authority({ keyId: '0d', instance: 'nobody' })), shared()),
      )
    })

    test('keep facts by key', async t => {
      const { store, rows } = await opened(t, place)
      assert.equal(await store.read(() => rows.meta.get('salt')), undefined)
      await store.write(() => rows.meta.set('salt', 'one'), shared())
      await store.write(() => rows.meta.set('salt', 'two'), shared())
      assert.equal(await store.read(() => rows.meta.get('salt')), 'two')
    })

    test('know their own instance', async t => {
      const { store, rows, instance } = await opened(t, place)
      assert.match(instance, /^[0-9a-f-]{36}$/)
      assert.deepEqual(await store.read(() => rows.instances.list()), [
        { instance, createdAt: NOW, seenAt: null, evictedAt: null },
      ])
    })
  })
}
