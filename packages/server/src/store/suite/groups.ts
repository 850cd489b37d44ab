import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { certificate, event, populate, tenant } from './samples.ts'

const refusal = () => new LanyardError('agent_quarantined', 'refused by a test')

export function groupsSuite(place: () => Place): void {
  describe('groups', () => {
    test('show nothing before the commit, and one step what the step before it wrote', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      const first = store.write(function* () {
        yield* rows.tenants.insert(tenant())
        yield* rows.tenants.insert(tenant({ tenant: 'globex' }))
      }, shared())
      const second = store.write(() => rows.tenants.find('globex'), shared())
      const seen = await Promise.all(Array.from({ length: 10 }, () => tenants(open)))
      for (const names of seen) assert.ok([0, 2].includes(names.length), `${names}`)
      await first
      assert.equal((await second)?.tenant, 'globex')
      assert.deepEqual(await tenants(open), ['acme', 'globex'])
    })

    test('refuse one step and keep the others', async t => {
      const open = await opened(t, place)
      const results = await Promise.allSettled([
        insertTenant(open, 'acme'),
        open.store.write(function* () {
          yield* open.rows.tenants.find('acme')
          throw refusal()
        }, shared()),
        insertTenant(open, 'globex'),
      ])
      assert.deepEqual(statuses(results), ['fulfilled', 'agent_quarantined', 'fulfilled'])
      assert.deepEqual(await tenants(open), ['acme', 'globex'])
    })

    test('undo a step that broke its promise not to write before it refuses', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      const results = await Promise.allSettled([
        insertTenant(open, 'acme'),
        store.write(function* () {
          yield* rows.tenants.insert(tenant({ tenant: 'torn' }))
          yield* rows.events.append(event())
          throw refusal()
        }, shared()),
        insertTenant(open, 'globex'),
      ])
      assert.deepEqual(statuses(results), ['fulfilled', 'agent_quarantined', 'fulfilled'])
      assert.deepEqual(await tenants(open), ['acme', 'globex'])
      await assertChainsHold(open)
    })

    test('break the promise of the one step whose statement failed', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      const results = await Promise.allSettled([
        store.write(() => rows.certificates.insert(certificate(1)), shared()),
        store.write(() => rows.certificates.insert(certificate(1)), shared()),
        store.write(() => rows.certificates.insert(certificate(2)), shared()),
        store.write(() => rows.events.append(event()), shared()),
      ])
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
      )
      await assertChainsHold(open)
      const { to } = await open.verifyChain(open.instance, 'issuance')
      assert.equal(to, 2)
    })

    test('leave no gap in a chain where a step stumbles between its place and its row', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      const results = await Promise.allSettled([
        store.write(() => rows.certificates.insert(certificate(1, { serial: 'not hex' })), shared()),
        store.write(() => rows.events.append(event({ actor: undefined as never })), shared()),
        store.read(() => rows.events.append(event())),
        store.write(() => rows.certificates.insert(certificate(2)), shared()),
        store.write(() => rows.events.append(event()), shared()),
      ])
      assert.deepEqual(
        results.map(({ status }) => status),
        ['rejected', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
      )
      assert.equal((await open.verifyChain(open.instance, 'issuance')).to, 1)
      assert.equal((await open.verifyChain(open.instance, 'audit')).to, 1)
    })

    test('take more steps than fit into one', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      const numbers = Array.from({ length: 700 }, (_, index) => index + 1)
      await Promise.all(
        numbers.map(number => store.write(() => rows.certificates.insert(certificate(number)), shared())),
      )
      assert.equal((await open.verifyChain(open.instance, 'issuance')).to, 700)
    })

    test('let no reading step write', async t => {
      const open = await opened(t, place)
      await assert.rejects(
        open.store.read(() => open.rows.tenants.insert(tenant())),
        TypeError,
      )
      assert.deepEqual(await tenants(open), [])
    })

    test('are finished before the store closes, and refused afterwards', async t => {
      const made = place()
      t.after(() => made.remove())
      const open = await made.open()
      const last = insertTenant(open, 'acme')
      await open.close()
      await last
      await open.close()
      await assert.rejects(tenants(open), { code: 'store_unavailable' })
      await assert.rejects(insertTenant(open, 'globex'), { code: 'store_unavailable' })
      if (!made.keeps) return
      const again = await made.open()
      assert.deepEqual(await tenants(again), ['acme'])
      await again.close()
    })
  })
}

const insertTenant = ({ store, rows }: OpenStore, name: string) =>
  store.write(() => rows.tenants.insert(tenant({ tenant: name })), shared())

async function tenants({ store, rows }: OpenStore): Promise<string[]> {
  const { items } = await store.read(() => rows.tenants.list({}, { limit: 10, after: null }))
  return items.map(item => item.tenant)
}

async function assertChainsHold(open: OpenStore): Promise<void> {
  await open.verifyChain(open.instance, 'audit')
  await open.verifyChain(open.instance, 'issuance')
}

const statuses = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map(result => (result.status === 'fulfilled' ? 'fulfilled' : (result.reason as LanyardError).code))
