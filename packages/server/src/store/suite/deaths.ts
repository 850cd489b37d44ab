import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type DeathKind, type DeathState, shared } from '@lanyard/authority'
import fc from 'fast-check'
import { opened, type Place } from './place.ts'
import { NOW } from './samples.ts'

const death = (changes: Partial<DeathState> = {}): DeathState => ({
  kind: 'agent',
  value: 'spiffe://example.org/acme/invoice',
  through: 1,
  reborn: 0,
  epoch: 1,
  at: NOW,
  until: null,
  ...changes,
})

const byValue = (a: DeathState, b: DeathState) => (a.value < b.value ? -1 : 1)

export function deathsSuite(place: () => Place): void {
  describe('deaths', () => {
    test('give back what was written, each subject for itself', async t => {
      const { store, rows } = await opened(t, place)
      const written = [
        death(),
        death({ kind: 'tenant', value: 'acme', through: 2, reborn: 3, until: NOW + 1 }),
        death({ kind: 'lineage', value: 'acme' }),
      ]
      await store.urgent(() => rows.deaths.put(written), shared('acme'))
      for (const one of written) {
        assert.deepEqual(await store.read(() => rows.deaths.find(one.kind, one.value)), one)
      }
      assert.equal(await store.read(() => rows.deaths.find('key', 'acme')), undefined)
      await store.write(() => rows.deaths.put([]), shared())
    })

    test('only grow, but for their end', async t => {
      const { store, rows } = await opened(t, place)
      const put = (changes: Partial<DeathState>) => store.urgent(() => rows.deaths.put([death(changes)]), shared())
      await put({ through: 3, reborn: 2, epoch: 5, at: NOW + 5, until: null })
      await put({ through: 2, reborn: 4, epoch: 4, at: NOW, until: NOW + 9 })
      const found = await store.read(() => rows.deaths.find('agent', death().value))
      assert.deepEqual(found, death({ through: 3, reborn: 4, epoch: 5, at: NOW + 5, until: NOW + 9 }))
    })

    test('are the greatest of all that was written, however it was grouped', async t => {
      const { store, rows } = await opened(t, place)
      const number = fc.integer({ min: 0, max: 9 })
      const state = fc.record({
        value: fc.constantFrom('a', 'b', 'c'),
        through: number,
        reborn: number,
        epoch: number,
        at: number,
      })
      let round = 0
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(state, { maxLength: 7 }), { maxLength: 4 }), async groups => {
          round += 1
          const named = groups.map(group => group.map(one => death({ ...one, value: `${round} ${one.value}` })))
          for (const group of named) await store.write(() => rows.deaths.put(group), shared())
          const all = named.flat()
          for (const { value } of all) {
            const mine = all.filter(one => one.value === value)
            const most = (field: 'through' | 'reborn' | 'epoch' | 'at') => Math.max(...mine.map(one => one[field]))
            assert.deepEqual(
              await store.read(() => rows.deaths.find('agent', value)),
              death({ value, through: most('through'), reborn: most('reborn'), epoch: most('epoch'), at: most('at') }),
            )
          }
        }),
        { numRuns: 15 },
      )
    })

    test('are written and asked for by hundreds', async t => {
      const { store, rows } = await opened(t, place)
      const many = Array.from({ length: 431 }, (_, index) =>
        death({ kind: 'lineage', value: `l${String(index).padStart(3, '0')}` }),
      )
      await store.urgent(() => rows.deaths.put(many), shared())
      const asked = many.map(({ value }): [DeathKind, string] => ['lineage', value])
      const found = await store.read(() => rows.deaths.among([['key', 'l000'], ...asked, ['lineage', 'other']]))
      assert.deepEqual(found.toSorted(byValue), many)
      assert.deepEqual(await store.read(() => rows.deaths.among([])), [])
      const two = await store.read(() =>
        rows.deaths.among([
          ['lineage', 'l007'],
          ['agent', 'l007'],
        ]),
      )
      assert.deepEqual(two, [many[7]])
    })

    test('come by epoch, and an epoch is never torn', async t => {
      const { store, rows } = await opened(t, place)
      const written = [1, 2, 2, 2, 3, 5].map((epoch, index) => death({ value: `v${index}`, epoch }))
      await store.urgent(() => rows.deaths.put(written.toReversed()), shared())
      const since = async (epoch: number, limit: number) =>
        (await store.read(() => rows.deaths.since(epoch, limit))).map(one => one.epoch)
      assert.deepEqual(await since(0, 100), [1, 2, 2, 2, 3, 5])
      assert.deepEqual(await since(0, 1), [1])
      assert.deepEqual(await since(0, 2), [1, 2, 2, 2])
      assert.deepEqual(await since(1, 1), [2, 2, 2])
      assert.deepEqual(await since(2, 2), [3, 5])
      assert.deepEqual(await since(5, 9), [])
    })

    test('that are over matter no more', async t => {
      const { store, rows } = await opened(t, place)
      const written = [
        death({ value: 'a', until: NOW - 1, epoch: 4 }),
        death({ value: 'b', until: NOW, epoch: 3 }),
        death({ value: 'c', until: null, epoch: 2 }),
      ]
      await store.urgent(() => rows.deaths.put(written), shared())
      const all = await store.read(() => rows.deaths.all(NOW))
      assert.deepEqual(
        all.map(({ value }) => value),
        ['c', 'b'],
      )
    })
  })
}
