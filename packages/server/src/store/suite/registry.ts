import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shared } from '@lanyard/authority'
import { opened, type Place } from './place.ts'
import { agent, apiKey, NOW, tenant, walk } from './samples.ts'

export function registrySuite(place: () => Place): void {
  describe('tenants, agents and API keys', () => {
    test('give back what was written', async t => {
      const { store, rows } = await opened(t, place)
      const key = apiKey({ tenant: 'acme', agents: 'inv*', rateLimit: 0, bounded: true })
      await store.write(function* () {
        yield* rows.tenants.insert(tenant())
        yield* rows.agents.insert(agent())
        yield* rows.apiKeys.insert(key)
      }, shared())
      assert.deepEqual(await store.read(() => rows.tenants.find('acme')), tenant())
      assert.deepEqual(await store.read(() => rows.agents.find({ tenant: 'acme', agent: 'invoice' })), agent())
      assert.deepEqual(await store.read(() => rows.apiKeys.find('k1')), key)
    })

    test('know nothing of names that were never written', async t => {
      const { store, rows } = await opened(t, place)
      assert.equal(await store.read(() => rows.tenants.find('acme')), undefined)
      assert.equal(await store.read(() => rows.agents.find({ tenant: 'acme', agent: 'invoice' })), undefined)
      assert.equal(await store.read(() => rows.apiKeys.find('k1')), undefined)
    })

    test('update what may change and nothing else', async t => {
      const { store, rows } = await opened(t, place)
      const changed = {
        tier: 'gold',
        lifecycle: 'quarantined',
        owner: 'Risk',
        description: '',
        labels: {},
        incarnation: 2,
        deadThrough: 1,
        updatedAt: NOW + 1,
      } as const
      await store.write(function* () {
        yield* rows.tenants.insert(tenant())
        yield* rows.tenants.update(
          tenant({ keyPolicy: 'modern', renewalGraceSec: 0, updatedAt: NOW + 1, createdAt: 1 }),
        )
        yield* rows.agents.insert(agent())
        yield* rows.agents.update(
          agent({ ...changed, spiffeId: 'spiffe://example.org/x', provenance: 'x', createdAt: 1 }),
        )
      }, shared())
      const after = tenant({ keyPolicy: 'modern', renewalGraceSec: 0, updatedAt: NOW + 1 })
      assert.deepEqual(await store.read(() => rows.tenants.find('acme')), after)
      assert.deepEqual(await store.read(() => rows.agents.find(agent())), agent(changed))
    })

    test('keep agents of different tenants apart', async t => {
      const { store, rows } = await opened(t, place)
      await store.write(function* () {
        yield* rows.tenants.insert(tenant())
        yield* rows.tenants.insert(tenant({ tenant: 'globex' }))
        yield* rows.agents.insert(agent())
        yield* rows.agents.insert(agent({ tenant: 'globex', tier: 'gold' }))
        yield* rows.agents.update(agent({ tenant: 'globex', tier: 'platinum' }))
      }, shared())
      assert.equal((await store.read(() => rows.agents.find(agent())))?.tier, 'silver')
      assert.equal((await store.read(() => rows.agents.find({ tenant: 'globex', agent: 'invoice' })))?.tier, 'platinum')
    })

    test('take a name and a SPIFFE ID once only', async t => {
      const { store, rows } = await opened(t, place)
      await store.write(() => rows.tenants.insert(tenant()), shared())
      await store.write(() => rows.agents.insert(agent()), shared())
      await assert.rejects(store.write(() => rows.tenants.insert(tenant()), shared()))
      await assert.rejects(store.write(() => rows.agents.insert(agent()), shared()))
      const taken = agent({ agent: 'other', spiffeId: agent().spiffeId })
      await assert.rejects(store.write(() => rows.agents.insert(taken), shared()))
      const homeless = agent({ tenant: 'globex' })
      await assert.rejects(store.write(() => rows.agents.insert(homeless), shared()))
    })

    test('list agents of many words in shorter pages', async t => {
      const open = await opened(t, place)
      await open.store.write(() => open.rows.tenants.insert(tenant()), shared())
      const labels = { text: 'x'.repeat(300_000) }
      for (const name of ['a', 'b', 'c', 'd', 'e'])
        await open.store.write(
          () => open.rows.agents.insert(agent({ agent: name, spiffeId: `spiffe://x/${name}`, labels })),
          shared(),
        )
      const page = await open.store.read(() => open.rows.agents.list({}, { limit: 100, after: null }))
      assert.equal(page.items.length, 3)
      const all = await walk(open, more => open.rows.agents.list({}, more), 100)
      assert.deepEqual(
        all.map(item => item.agent),
        ['a', 'b', 'c', 'd', 'e'],
      )
    })

    test('list tenants and agents by name, in pages, by every filter', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await store.write(function* () {
        for (const name of ['globex', 'acme', 'initech']) yield* rows.tenants.insert(tenant({ tenant: name }))
        yield* rows.agents.insert(agent({ agent: 'b', lifecycle: 'active' }))
        yield* rows.agents.insert(agent({ agent: 'a', tier: 'gold' }))
        yield* rows.agents.insert(agent({ agent: 'a', tenant: 'globex', provenance: 'spire' }))
      }, shared())
      for (const limit of [1, 2, 3, 10]) {
        const tenants = await walk(open, page => rows.tenants.list({}, page), limit)
        assert.deepEqual(
          tenants.map(item => item.tenant),
          ['acme', 'globex', 'initech'],
        )
        const agents = await walk(open, page => rows.agents.list({}, page), limit)
        assert.deepEqual(
          agents.map(item => `${item.tenant}/${item.agent}`),
          ['acme/a', 'acme/b', 'globex/a'],
        )
      }
      const only = await walk(open, page => rows.tenants.list({ only: 'globex' }, page), 10)
      assert.deepEqual(
        only.map(item => item.tenant),
        ['globex'],
      )
      for (const [filter, expected] of [
        [{ tenant: 'globex' }, ['globex/a']],
        [{ lifecycle: 'active' }, ['acme/b']],
        [{ tier: 'gold' }, ['acme/a']],
        [{ provenance: 'spire' }, ['globex/a']],
        [{ tenant: 'globex', tier: 'gold' }, []],
      ] as const) {
        const agents = await walk(open, page => rows.agents.list(filter, page), 10)
        assert.deepEqual(
          agents.map(item => `${item.tenant}/${item.agent}`),
          expected,
        )
      }
    })

    test('list API keys that are not revoked, newest first', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await store.write(function* () {
        yield* rows.tenants.insert(tenant())
        yield* rows.apiKeys.insert(apiKey({ id: 'old', createdAt: NOW - 1 }))
        yield* rows.apiKeys.insert(apiKey({ id: 'b', tenant: 'acme' }))
        yield* rows.apiKeys.insert(apiKey({ id: 'c.d', tenant: 'acme' }))
        yield* rows.apiKeys.insert(apiKey({ id: 'gone' }))
        yield* rows.apiKeys.revoke('gone', NOW + 5)
        yield* rows.apiKeys.revoke('gone', NOW + 6)
      }, shared())
      for (const limit of [1, 2, 10]) {
        const all = await walk(open, page => rows.apiKeys.list({}, page), limit)
        assert.deepEqual(
          all.map(key => key.id),
          ['c.d', 'b', 'old'],
        )
      }
      const ofTenant = await walk(open, page => rows.apiKeys.list({ tenant: 'acme' }, page), 1)
      assert.deepEqual(
        ofTenant.map(key => key.id),
        ['c.d', 'b'],
      )
      assert.equal((await store.read(() => rows.apiKeys.find('gone')))?.revokedAt, NOW + 5)
    })

    test('refuse cursors that no list gave', async t => {
      const { store, rows } = await opened(t, place)
      for (const after of ['', 'acme', 'a/b/c', '/b']) {
        await assert.rejects(
          store.read(() => rows.agents.list({}, { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
      }
      for (const after of ['', 'x.y', '12']) {
        await assert.rejects(
          store.read(() => rows.apiKeys.list({}, { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
      }
    })
  })
}
