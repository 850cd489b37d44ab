import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type EntryState, type NodeScope, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { agent, entry, idOf, NOW, populate, tenant, walk } from './samples.ts'

const ALL: NodeScope = { name: 'n1', tenant: null, groups: [] }
const ACME: NodeScope = { name: 'n1', tenant: 'acme', groups: ['linux'] }

export function entriesSuite(place: () => Place): void {
  describe('entries', () => {
    test('come back as they were, and change in what may change', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await registered(open, [entry(1)])
      const find = (id: string) => store.read(() => rows.entries.find(id))
      assert.deepEqual(await find(idOf(1)), entry(1))
      assert.equal(await find(idOf(9)), undefined)
      const after = entry(1, {
        ...{ selectors: ['docker:label:app:x', 'unix:uid:7'], parent: 'group:linux', x509TtlSec: 60, jwtTtlSec: null },
        ...{ dnsNames: ['a.svc.test'], hint: null, federatesWith: [], expiresAt: NOW + 5, children: true, replicas: 3 },
        ...{ revision: 8, updatedAt: NOW + 1 },
      })
      await store.write(() => rows.entries.update(after), shared('acme'))
      assert.deepEqual(await find(idOf(1)), after)
      assert.deepEqual(await store.read(() => rows.entries.same(after)), after)
      assert.equal(await store.read(() => rows.entries.same({ ...after, parent: null })), undefined)
      assert.equal(await store.read(() => rows.entries.same({ ...after, tenant: 'globex' })), undefined)
      assert.equal(await store.read(() => rows.entries.count('acme')), 1)
      assert.equal(await store.read(() => rows.entries.count('nobody')), 0)
    })

    test('of one agent, parent and selectors are there once', async t => {
      const open = await opened(t, place)
      await registered(open, [entry(1)])
      await assert.rejects(insert(open, [entry(2, { selectors: ['unix:uid:1'] })]))
      await assert.rejects(insert(open, [entry(2, { agent: 'nobody' })]))
      await insert(open, [entry(2, { selectors: ['unix:uid:1'], parent: 'node:n1' })])
      await insert(open, [entry(3, { selectors: ['unix:uid:1'], tenant: 'globex' })])
    })

    test('are counted by one counter, in the order of commits', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      assert.equal(await store.read(() => rows.entries.revision()), 0)
      const bump = () => store.write(() => rows.entries.bump(), shared('acme'))
      assert.deepEqual(await Promise.all([bump(), bump(), bump()]), [1, 2, 3])
      assert.equal(await store.read(() => rows.entries.revision()), 3)
      assert.equal(await store.read(() => rows.entries.horizon()), 0)
    })

    test('are listed oldest first, by tenant, agent, parent and selector', async t => {
      const open = await opened(t, place)
      await registered(open, [
        entry(1),
        entry(2, { tenant: 'globex', parent: 'node:n1' }),
        entry(3, { parent: 'node:n1', selectors: ['a:b:"x', 'unix:uid:33'] }),
        entry(4, { selectors: ['unix:uid:3'] }),
      ])
      const listed = async (filter: Parameters<typeof open.rows.entries.list>[0], limit: number) =>
        (await walk(open, page => open.rows.entries.list(filter, page), limit)).map(({ id }) => Number.parseInt(id, 16))
      for (const limit of [1, 2, 9]) {
        assert.deepEqual(await listed({}, limit), [1, 2, 3, 4])
        assert.deepEqual(await listed({ tenant: 'acme' }, limit), [1, 3, 4])
        assert.deepEqual(await listed({ agent: 'invoice', tenant: 'globex' }, limit), [2])
        assert.deepEqual(await listed({ agent: 'invoice' }, limit), [1, 2, 3, 4])
        assert.deepEqual(await listed({ agent: 'nobody' }, limit), [])
        assert.deepEqual(await listed({ parent: 'node:n1' }, limit), [2, 3])
        assert.deepEqual(await listed({ parent: 'node:n1', tenant: 'acme' }, limit), [3])
        // Not the one of which it is a part.
        assert.deepEqual(await listed({ selector: 'unix:uid:3' }, limit), [4])
        assert.deepEqual(await listed({ selector: 'a:b:"x' }, limit), [3])
        assert.deepEqual(await listed({ selector: "' or 1=1 --" }, limit), [])
      }
      for (const after of ['', 'x', '1.2', '-1'])
        await assert.rejects(
          open.store.read(() => open.rows.entries.list({}, { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
    })
  })

  describe('what nodes learn of entries', () => {
    test('is what their tenant, their name and their groups give them', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await registered(open, [
        entry(1),
        entry(2, { parent: 'node:n1' }),
        entry(3, { parent: 'node:n2' }),
        entry(4, { parent: 'group:linux' }),
        entry(5, { tenant: 'globex' }),
        entry(6, { tenant: 'globex', parent: 'group:linux' }),
      ])
      const served = async (scope: NodeScope) => {
        const ids = [1, 2, 3, 4, 5, 6]
        const found = await Promise.all(ids.map(id => store.read(() => rows.entries.served(idOf(id), scope))))
        assert.deepEqual(
          found.filter(one => one !== undefined).map(({ id }) => id),
          (await changes(open, scope, 0)).entries.map(({ id }) => id),
        )
        return ids.filter((_, index) => found[index] !== undefined)
      }
      assert.deepEqual(await served(ACME), [1, 2, 4])
      assert.deepEqual(await served(ALL), [1, 2, 5])
      assert.deepEqual(await served({ name: 'n2', tenant: 'globex', groups: ['a', 'linux'] }), [5, 6])
      assert.deepEqual(await served({ name: 'linux', tenant: 'globex', groups: ['n1'] }), [5])
      for (const id of ['', 'x', `${idOf(1)}0`])
        assert.equal(await store.read(() => rows.entries.served(id, ALL)), undefined)
      const one = await store.read(() => rows.entries.served(idOf(1), ACME))
      assert.deepEqual(one, { ...entry(1), keyPolicy: 'rsa-only' })
    })

    test('is what changed since, and what they serve no more', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await registered(open, [entry(1), entry(2), entry(3, { tenant: 'globex' })])
      await store.write(
        function* () {
          yield* rows.entries.update(entry(2, { parent: 'node:n9', revision: 4 }))
          yield* rows.entries.delete(idOf(1), 5, NOW)
          yield* rows.entries.delete(idOf(3), 6, NOW)
        },
        shared('acme', 'globex'),
      )
      assert.equal(await store.read(() => rows.entries.find(idOf(1))), undefined)
      assert.deepEqual(await idsOf(open, ACME, 3), { entries: [], removed: [2, 1], through: 99 })
      assert.deepEqual(await idsOf(open, { ...ACME, name: 'n9' }, 3), { entries: [2], removed: [1], through: 99 })
      assert.deepEqual(await idsOf(open, ALL, 3), { entries: [], removed: [2, 1, 3], through: 99 })
      assert.deepEqual(await idsOf(open, ALL, 4, { limit: 1 }), { entries: [], removed: [1], through: 5 })
      assert.deepEqual(await idsOf(open, ALL, 4, { through: 5 }), { entries: [], removed: [1], through: 5 })
      // Nothing can be taken back from one that has nothing.
      assert.deepEqual(await idsOf(open, ACME, 0), { entries: [], removed: [], through: 99 })
    })

    test('comes by whole revisions, and all of a tenant when it is touched', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      const many = Array.from({ length: 5 }, (_, index) => entry(index + 1, { revision: Math.ceil((index + 1) / 2) }))
      await registered(open, [...many, entry(6, { tenant: 'globex', revision: 3 })])
      assert.deepEqual(await idsOf(open, ACME, 0, { limit: 1 }), { entries: [1, 2], removed: [], through: 1 })
      assert.deepEqual(await idsOf(open, ACME, 0, { limit: 3 }), { entries: [1, 2, 3, 4], removed: [], through: 2 })
      assert.deepEqual(await idsOf(open, ALL, 2, { limit: 1 }), { entries: [5, 6], removed: [], through: 3 })
      for (let revision = 1; revision <= 3; revision += 1) await store.write(() => rows.entries.bump(), shared())
      await store.write(() => rows.entries.touch('acme'), shared('acme'))
      // Each has a revision of its own by now.
      const revision = await store.read(() => rows.entries.revision())
      assert.deepEqual(await idsOf(open, ACME, 3, { limit: 2 }), { entries: [1, 2], removed: [], through: 5 })
      assert.deepEqual(await idsOf(open, ACME, 3), { entries: [1, 2, 3, 4, 5], removed: [], through: 99 })
      assert.deepEqual(await idsOf(open, ALL, revision), { entries: [], removed: [], through: 99 })
      await store.write(() => rows.entries.touch('nobody'), shared())
      assert.equal(await store.read(() => rows.entries.revision()), revision)
    })

    test('has the key policy of the tenant as it is now', async t => {
      const open = await opened(t, place)
      await registered(open, [entry(1)])
      await open.store.write(() => open.rows.tenants.update(tenant({ keyPolicy: 'modern' })), shared('acme'))
      assert.equal((await changes(open, ACME, 0)).entries[0]?.keyPolicy, 'modern')
    })

    test('is cut off where marks were forgotten', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await registered(open, [entry(1), entry(2), entry(3)])
      for (let revision = 1; revision <= 6; revision += 1) await store.write(() => rows.entries.bump(), shared())
      await store.write(function* () {
        yield* rows.entries.delete(idOf(1), 4, NOW)
        yield* rows.entries.delete(idOf(2), 5, NOW)
        yield* rows.entries.delete(idOf(3), 6, NOW + 1)
      }, shared('acme'))
      const eightDays = 8 * 86_400_000
      const retention = { certificatesMs: 0, eventsMs: eightDays * 9, nodesMs: 0 }
      assert.equal((await open.prune(NOW + eightDays, retention)).entryMarks, 0)
      assert.equal(await store.read(() => rows.entries.horizon()), 0)
      assert.equal((await open.prune(NOW + eightDays + 1, retention)).entryMarks, 2)
      assert.equal(await store.read(() => rows.entries.horizon()), 5)
      assert.deepEqual(await idsOf(open, ACME, 5), { entries: [], removed: [3], through: 99 })
    })
  })
}

async function registered(open: OpenStore, entries: readonly EntryState[]): Promise<void> {
  await populate(open)
  await open.store.write(() => open.rows.agents.insert(agent({ agent: 'ledger' })), shared('acme'))
  await insert(open, entries)
}

const insert = ({ store, rows }: OpenStore, entries: readonly EntryState[]) =>
  store.write(
    function* () {
      for (const one of entries) yield* rows.entries.insert(one)
    },
    shared('acme', 'globex'),
  )

interface Range {
  readonly through?: number
  readonly limit?: number
}

const changes = ({ store, rows }: OpenStore, scope: NodeScope, after: number, range: Range = {}) =>
  store.read(() => rows.entries.changed(scope, { after, through: 99, limit: 100, ...range }))

async function idsOf(open: OpenStore, scope: NodeScope, after: number, range: Range = {}) {
  const { entries, removed, through } = await changes(open, scope, after, range)
  const number = (id: string) => Number.parseInt(id, 16)
  return { entries: entries.map(({ id }) => number(id)), removed: removed.map(number), through }
}
