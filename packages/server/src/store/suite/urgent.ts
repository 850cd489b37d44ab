import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exclusive, shared } from '@lanyard/authority'
import { opened, type Place } from './place.ts'
import { event, populate, tenant } from './samples.ts'

/** What a store promises about deaths. */
export function urgentSuite(place: () => Place): void {
  describe('an urgent step', () => {
    test('is stored like any other, in a chain that holds', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await store.urgent(function* () {
        yield* rows.tenants.insert(tenant())
        yield* rows.events.append(event())
      }, exclusive('acme'))
      assert.deepEqual(await store.read(() => rows.tenants.find('acme')), tenant())
      for (const writer of open.writers) await open.verifyChain(writer, 'audit')
      const { items } = await store.read(() => rows.events.list({}, { limit: 10, after: null }))
      assert.equal(items.length, 1)
      assert.ok(open.writers.includes(items[0]!.instance))
    })

    test('overtakes a queue that was there before it', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      const order: string[] = []
      const flood = Array.from({ length: 500 }, (_, number) =>
        store.write(() => rows.events.append(event({ correlation: `${number}` })), shared('acme')),
      )
      const last = flood.at(-1)!.then(() => order.push('flood'))
      const kill = store
        .urgent(() => rows.tenants.update(tenant({ keyPolicy: 'modern' })), exclusive('acme'))
        .then(() => order.push('kill'))
      await Promise.all([last, kill, ...flood])
      assert.deepEqual(order, ['kill', 'flood'])
      for (const writer of open.writers) await open.verifyChain(writer, 'audit')
    })

    test('that refuses leaves the others', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      const results = await Promise.allSettled([
        store.urgent(() => rows.tenants.insert(tenant()), exclusive('acme')),
        store.urgent(() => rows.tenants.insert(tenant()), exclusive('acme')),
        store.urgent(() => rows.tenants.insert(tenant({ tenant: 'globex' })), exclusive('globex')),
      ])
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      )
    })
  })
}
