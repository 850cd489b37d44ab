import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type PolicyVersionState, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { NOW, populate, walk } from './samples.ts'

const version = (number: number, changes: Partial<PolicyVersionState> = {}): PolicyVersionState => ({
  tenant: 'acme',
  version: number,
  policies: '// naïve “quotes”\npermit (principal, action, resource);',
  schema: '',
  entities: [{ uid: { type: 'App::Größe', id: '1' }, attrs: {}, parents: [] }],
  comment: `number ${number}`,
  state: 'saved',
  createdBy: 'api-key:k1',
  createdAt: NOW + number,
  activatedAt: null,
  follows: null,
  ...changes,
})

export function policiesSuite(place: () => Place): void {
  describe('policies', () => {
    test('give back what was saved, by scope and version', async t => {
      const open = await saved(t, place, [version(1), version(2), version(1, { tenant: null })])
      const { store, rows } = open
      assert.deepEqual(await store.read(() => rows.policies.find('acme', 2)), version(2))
      assert.deepEqual(await store.read(() => rows.policies.find(null, 1)), version(1, { tenant: null }))
      assert.equal(await store.read(() => rows.policies.find('globex', 1)), undefined)
      assert.equal(await store.read(() => rows.policies.find(null, 2)), undefined)
      const numbers = (tenant: string | null) =>
        store.read(function* () {
          return [yield* rows.policies.newest(tenant), yield* rows.policies.count(tenant)]
        })
      assert.deepEqual(
        [await numbers('acme'), await numbers(null), await numbers('globex')],
        [
          [2, 2],
          [1, 1],
          [0, 0],
        ],
      )
      await assert.rejects(save(open, [version(1)]))
    })

    test('are listed by scope, newest first, in pages', async t => {
      const open = await saved(t, place, [version(1), version(2), version(3), version(1, { tenant: null })])
      const listed = async (tenant: string | null, limit: number) =>
        (await walk(open, page => open.rows.policies.list(tenant, page), limit)).map(item => item.version)
      for (const limit of [1, 2, 9]) {
        assert.deepEqual(await listed('acme', limit), [3, 2, 1])
        assert.deepEqual(await listed(null, limit), [1])
      }
      for (const after of ['', 'x', '1.2']) {
        await assert.rejects(
          open.store.read(() => open.rows.policies.list('acme', { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
      }
    })

    test('one decides and one is in the shadow, in each scope', async t => {
      const open = await saved(t, place, [version(1), version(2), version(3), version(7, { tenant: null })])
      const { store, rows } = open
      await change(open, [
        version(2, { state: 'active', activatedAt: NOW, follows: 1 }),
        version(3, { state: 'shadow' }),
        version(7, { tenant: null, state: 'active' }),
      ])
      const found = await store.read(function* () {
        return [yield* rows.policies.active('acme'), yield* rows.policies.shadow('acme')]
      })
      assert.deepEqual(found, [
        version(2, { state: 'active', activatedAt: NOW, follows: 1 }),
        version(3, { state: 'shadow' }),
      ])
      assert.equal(await store.read(() => rows.policies.active('globex')), undefined)
      assert.deepEqual(await store.read(() => rows.policies.inForce()), [
        { tenant: null, version: 7, state: 'active' },
        { tenant: 'acme', version: 2, state: 'active' },
        { tenant: 'acme', version: 3, state: 'shadow' },
      ])
      await assert.rejects(change(open, [version(1, { state: 'active' })]))
      await assert.rejects(change(open, [version(1, { state: 'shadow' })]))
      await assert.rejects(change(open, [version(9)]))
    })

    test('the oldest goes that nothing needs', async t => {
      const open = await saved(
        t,
        place,
        [1, 2, 3, 4, 5, 6].map(number => version(number)),
      )
      await save(open, [version(1, { tenant: null })])
      await change(open, [
        version(1, { state: 'retired' }),
        version(2, { state: 'active', follows: 1 }),
        version(3, { state: 'shadow' }),
        version(4, { state: 'retired' }),
        version(6, { state: 'retired' }),
      ])
      const remove = (tenant: string | null) =>
        open.store.write(() => open.rows.policies.removeOldest(tenant), shared('acme'))
      const left = async () => {
        const items = await walk(open, page => open.rows.policies.list('acme', page), 9)
        return items.map(item => item.version)
      }
      assert.equal(await remove('acme'), true)
      assert.deepEqual(await left(), [6, 5, 3, 2, 1])
      assert.equal(await remove('acme'), true)
      assert.equal(await remove('acme'), false)
      assert.deepEqual(await left(), [6, 3, 2, 1])
      assert.equal(await remove(null), false)
    })

    test('have a counter that grows', async t => {
      const { store, rows } = await opened(t, place)
      assert.equal(await store.read(() => rows.policies.revision()), 0)
      assert.equal(await store.write(() => rows.policies.bumpRevision(), shared()), 1)
      assert.equal(await store.write(() => rows.policies.bumpRevision(), shared()), 2)
      assert.equal(await store.read(() => rows.policies.revision()), 2)
    })
  })
}

function save({ store, rows }: OpenStore, versions: readonly PolicyVersionState[]) {
  return store.write(function* () {
    for (const state of versions) yield* rows.policies.insert(state)
  }, shared('acme'))
}

function change({ store, rows }: OpenStore, versions: readonly PolicyVersionState[]) {
  return store.write(function* () {
    for (const state of versions) yield* rows.policies.update(state)
  }, shared('acme'))
}

async function saved(t: Parameters<typeof opened>[0], place: () => Place, versions: readonly PolicyVersionState[]) {
  const open = await opened(t, place)
  await populate(open)
  await save(open, versions)
  return open
}
