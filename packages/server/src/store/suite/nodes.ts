import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type JoinTokenState, type NodeState, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { idOf, NOW, node, populate, thumbprint, walk } from './samples.ts'

const token = (changes: Partial<JoinTokenState> = {}): JoinTokenState => ({
  hash: new Uint8Array(32).fill(1),
  name: 'n1',
  tenant: 'acme',
  groups: ['a', 'b'],
  createdBy: 'api-key:k1',
  createdAt: NOW,
  expiresAt: NOW + 600_000,
  ...changes,
})

export function nodesSuite(place: () => Place): void {
  describe('nodes', () => {
    test('come back as they were, change and go', async t => {
      const { store, rows } = await joined(t, place, [node(1)])
      assert.deepEqual(await store.read(() => rows.nodes.find(idOf(1))), node(1))
      for (const other of ['', 'x', idOf(2), `${idOf(1)}0`])
        assert.equal(await store.read(() => rows.nodes.find(other)), undefined)
      const after = node(1, {
        ...{
          groups: [],
          method: 'x509pop',
          joinedBy: null,
          keyThumbprint: thumbprint(7),
          serial: idOf(7),
          notAfter: 5,
        },
        ...{ attestedAt: NOW + 1, renewedAt: NOW + 2, bannedAt: NOW + 3, banReason: 'größe' },
      })
      await store.write(() => rows.nodes.update(after), shared('acme'))
      assert.deepEqual(await store.read(() => rows.nodes.find(idOf(1))), after)
      await store.write(() => rows.nodes.remove(idOf(1)), shared('acme'))
      assert.equal(await store.read(() => rows.nodes.find(idOf(1))), undefined)
      await assert.rejects(store.write(() => rows.nodes.remove(idOf(1)), shared('acme')))
    })

    test('have names of their own in a tenant, and among those without', async t => {
      const same = { name: 'n1' }
      const open = await joined(t, place, [node(1, same), node(2, { ...same, tenant: null })])
      const { store, rows } = open
      const named = async (tenant: string | null) => (await store.read(() => rows.nodes.findByName(tenant, 'n1')))?.node
      assert.deepEqual([await named('acme'), await named(null), await named('globex')], [idOf(1), idOf(2), undefined])
      await assert.rejects(join(open, [node(3, same)]))
      await assert.rejects(join(open, [node(3, { ...same, tenant: null })]))
    })

    // A row without a tenant serves all tenants: a look-up that finds none must not make one.
    test('of a tenant that is not there are not written', async t => {
      const open = await joined(t, place, [])
      await assert.rejects(join(open, [node(1, { tenant: 'nobody' })]))
      assert.equal(await open.store.read(() => open.rows.nodes.find(idOf(1))), undefined)
      await assert.rejects(open.store.write(() => open.rows.joinTokens.insert(token({ tenant: 'nobody' })), shared()))
      assert.equal(await open.store.read(() => open.rows.joinTokens.find(token().hash)), undefined)
    })

    test('are listed by name, of one tenant or of all', async t => {
      const open = await joined(t, place, [
        node(1, { name: 'b' }),
        node(2, { name: 'a' }),
        node(3, { name: 'a', tenant: null }),
        node(4, { name: 'c', tenant: null }),
      ])
      const listed = async (filter: { tenant?: string; name?: string }, limit: number) =>
        (await walk(open, page => open.rows.nodes.list(filter, page), limit)).map(found =>
          Number.parseInt(found.node, 16),
        )
      for (const limit of [1, 9]) {
        assert.deepEqual(await listed({}, limit), [3, 2, 1, 4])
        assert.deepEqual(await listed({ tenant: 'acme' }, limit), [2, 1])
        assert.deepEqual(await listed({ tenant: 'nobody' }, limit), [])
        assert.deepEqual(await listed({ name: 'a' }, limit), [3, 2])
        assert.deepEqual(await listed({ name: 'a', tenant: 'acme' }, limit), [2])
      }
    })

    test('are found by who let them in, until they are banned', async t => {
      const mine = [node(1), node(2, { tenant: null })]
      const others = [node(3, { bannedAt: NOW }), node(4, { joinedBy: 'api-key:k2' }), node(5, { joinedBy: null })]
      const { store, rows } = await joined(t, place, [...mine, ...others])
      const found = async (limit: number) => await store.read(() => rows.nodes.joinedBy('api-key:k1', limit))
      assert.deepEqual(new Set(await found(9)), new Set(mine))
      assert.equal((await found(1)).length, 1)
      const within = (tenant: string) => store.read(() => rows.nodes.joinedBy('api-key:k1', 9, tenant))
      assert.deepEqual([await within('acme'), await within('globex')], [[node(1)], []])
    })

    test('are found by the key that they are known by', async t => {
      const same = { keyThumbprint: thumbprint(1) }
      const all = [
        node(1, { bannedAt: NOW }),
        node(2, { ...same, tenant: null }),
        node(3, { ...same, tenant: 'globex' }),
      ]
      const { store, rows } = await joined(t, place, [...all, node(4)])
      const found = async (tenant: string | null) =>
        new Set((await store.read(() => rows.nodes.withKey(thumbprint(1), tenant))).map(one => one.node))
      assert.deepEqual(await found(null), new Set([idOf(1), idOf(2), idOf(3)]))
      assert.deepEqual([await found('acme'), await found('globex')], [new Set([idOf(1)]), new Set([idOf(3)])])
    })

    test('leave when they have ended for long, but for banned ones', async t => {
      const open = await joined(t, place, [
        node(1),
        node(2, { bannedAt: NOW }),
        node(3, { notAfter: node(3).notAfter + 1 }),
      ])
      const retention = { certificatesMs: 0, eventsMs: 0, nodesMs: 60_000 }
      const end = node(1).notAfter * 1000 + 60_000
      assert.equal((await open.prune(end + 999, retention)).nodes, 0)
      assert.equal((await open.prune(end + 1000, retention)).nodes, 1)
      assert.equal((await open.prune(end * 2, retention)).nodes, 1)
      assert.notEqual(await open.store.read(() => open.rows.nodes.find(idOf(2))), undefined)
    })
  })

  describe('join tokens', () => {
    test('are taken once, however many come', async t => {
      const { store, rows } = await joined(t, place, [])
      const insert = (state: JoinTokenState) => store.write(() => rows.joinTokens.insert(state), shared())
      const other = token({ hash: new Uint8Array(32).fill(2), tenant: null, groups: [] })
      await insert(token())
      await insert(other)
      assert.deepEqual(await store.read(() => rows.joinTokens.find(token().hash)), token())
      assert.deepEqual(await store.read(() => rows.joinTokens.find(other.hash)), other)
      const take = () => store.write(() => rows.joinTokens.take(token().hash), shared())
      const taken = await Promise.all(Array.from({ length: 64 }, take))
      assert.deepEqual(
        taken.filter(state => state !== undefined),
        [token()],
      )
      assert.equal(await store.read(() => rows.joinTokens.find(token().hash)), undefined)
      assert.notEqual(await store.read(() => rows.joinTokens.find(other.hash)), undefined)
    })

    test('are void together with who made them', async t => {
      const { store, rows } = await joined(t, place, [])
      const other = token({ hash: new Uint8Array(32).fill(2), createdBy: 'api-key:k2' })
      for (const state of [token(), other]) await store.write(() => rows.joinTokens.insert(state), shared())
      await store.write(() => rows.joinTokens.removeOf('api-key:k1', 'globex'), shared())
      assert.deepEqual(await store.read(() => rows.joinTokens.find(token().hash)), token())
      await store.write(() => rows.joinTokens.removeOf('api-key:k1', 'acme'), shared())
      assert.equal(await store.read(() => rows.joinTokens.find(token().hash)), undefined)
      await store.write(() => rows.joinTokens.insert(token()), shared())
      await store.write(() => rows.joinTokens.removeOf('api-key:k1'), shared())
      assert.equal(await store.read(() => rows.joinTokens.find(token().hash)), undefined)
      assert.deepEqual(await store.read(() => rows.joinTokens.find(other.hash)), other)
    })

    test('leave when they have ended', async t => {
      const open = await joined(t, place, [])
      await open.store.write(() => open.rows.joinTokens.insert(token()), shared())
      const retention = { certificatesMs: 0, eventsMs: 0, nodesMs: 0 }
      assert.equal((await open.prune(token().expiresAt, retention)).joinTokens, 0)
      assert.equal((await open.prune(token().expiresAt + 1, retention)).joinTokens, 1)
    })
  })

  describe('bundles of other trust domains', () => {
    test('are replaced, listed and removed', async t => {
      const { store, rows } = await joined(t, place, [])
      const bundle = (trustDomain: string, text: string) => ({ trustDomain, bundle: text, updatedAt: NOW })
      await store.write(function* () {
        yield* rows.federatedBundles.put(bundle('b.test', '{}'))
        yield* rows.federatedBundles.put(bundle('a.test', '{}'))
        yield* rows.federatedBundles.put(bundle('b.test', '{"keys":[]}'))
      }, shared())
      const list = () => store.read(() => rows.federatedBundles.list())
      assert.deepEqual(await list(), [bundle('a.test', '{}'), bundle('b.test', '{"keys":[]}')])
      const remove = () => store.write(() => rows.federatedBundles.remove('a.test'), shared())
      assert.deepEqual([await remove(), await remove()], [true, false])
      assert.equal((await list()).length, 1)
    })
  })
}

const join = ({ store, rows }: OpenStore, nodes: readonly NodeState[]) =>
  store.write(function* () {
    for (const one of nodes) yield* rows.nodes.insert(one)
  }, shared('acme'))

async function joined(t: Parameters<typeof opened>[0], place: () => Place, nodes: readonly NodeState[]) {
  const open = await opened(t, place)
  await populate(open)
  await join(open, nodes)
  return open
}
