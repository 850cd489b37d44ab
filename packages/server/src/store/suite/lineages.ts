import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shared } from '@lanyard/authority'
import { opened, type Place } from './place.ts'
import { agent, idOf, lineage, populate, tenant, thumbprint } from './samples.ts'

export function lineagesSuite(place: () => Place): void {
  describe('lineages', () => {
    test('come with their agent and tenant', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      assert.deepEqual(await store.read(() => rows.lineages.subject(idOf(1))), {
        tenant: tenant(),
        agent: agent(),
        lineage: lineage(),
      })
      assert.equal(await store.read(() => rows.lineages.subject(idOf(3))), undefined)
    })

    test('change standing, generation and newest key, and keep the rest', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      const bound = lineage({ id: idOf(9), jkt: thumbprint(5) })
      const change = { standing: 'frozen', generation: 7, newestKey: thumbprint(6) } as const
      await store.write(function* () {
        yield* rows.lineages.insert(bound)
        yield* rows.lineages.change(idOf(9), change)
      }, shared())
      const subject = await store.read(() => rows.lineages.subject(idOf(9)))
      assert.deepEqual(subject?.lineage, { ...bound, ...change })
      assert.deepEqual((await store.read(() => rows.lineages.subject(idOf(1))))?.lineage, lineage())
    })

    test('end with their agent, and with no other', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      await store.write(function* () {
        yield* rows.agents.insert(agent({ agent: 'other' }))
        yield* rows.lineages.insert(lineage({ id: idOf(3), standing: 'frozen' }))
        yield* rows.lineages.insert(lineage({ id: idOf(4), agent: 'other' }))
        yield* rows.lineages.endAll({ tenant: 'acme', agent: 'invoice' })
      }, shared())
      const standings = await Promise.all(
        [1, 2, 3, 4].map(async id => (await store.read(() => rows.lineages.subject(idOf(id))))?.lineage.standing),
      )
      assert.deepEqual(standings, ['ended', 'open', 'ended', 'open'])
    })

    test('belong to an agent that exists', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      await assert.rejects(store.write(() => rows.lineages.insert(lineage({ id: idOf(5), agent: 'nobody' })), shared()))
      await assert.rejects(store.write(() => rows.lineages.change(idOf(5), lineage()), shared()))
    })

    test('are looked up by hex and nothing else', async t => {
      const { store, rows } = await opened(t, place)
      for (const id of [`${idOf(1)}zz`, 'zz', idOf(1).slice(1)]) {
        await assert.rejects(
          store.read(() => rows.lineages.subject(id)),
          TypeError,
        )
      }
    })

    test('stand beside an epoch that only grows', async t => {
      const { store, rows } = await opened(t, place)
      assert.equal(await store.read(() => rows.epoch.current()), 0)
      assert.equal(await store.write(() => rows.epoch.bump(), shared()), 1)
      assert.equal(await store.write(() => rows.epoch.bump(), shared()), 2)
      assert.equal(await store.read(() => rows.epoch.current()), 2)
    })
  })
}
