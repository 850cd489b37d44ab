import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeEntry } from '@lanyard/api'
import { entryOf } from '../svids/svids.suite.ts'
import { FakeTime, FakeTrustDomain, noLog } from '../testing/index.ts'
import { Catalogue, type CatalogueChange } from './catalogue.ts'
import { takeChange } from './changes.ts'
import { AuthorityClock } from './clock.ts'
import { Expiry } from './expiry.ts'

function world() {
  const changes: CatalogueChange[] = []
  const catalogue = new Catalogue(noLog, change => changes.push(change))
  const clock = new AuthorityClock(new FakeTime())
  const take = (line: object) => takeChange(JSON.stringify(line), { catalogue, clock, synced: () => {} })
  const entries = (
    cursor: string,
    list: NodeEntry[],
    more: Partial<{ reset: boolean; more: boolean; removed: string[] }> = {},
  ) => take({ kind: 'entries', cursor, reset: false, more: false, entries: list, removed: [], ...more })
  return { changes, catalogue, clock, take, entries }
}

test('a whole sync in several lines counts when its last line is there, and drops what it does not name', () => {
  const { catalogue, changes, entries } = world()
  const [a, b, c] = [entryOf(), entryOf(), entryOf()]
  entries('1', [a, b], { reset: true })
  entries('2', [a], { reset: true, more: true })
  assert.deepEqual([...catalogue.entries.keys()], [a.id, b.id])
  assert.equal(catalogue.cursor, '1')
  entries('2', [c])
  assert.deepEqual([...catalogue.entries.keys()].toSorted(), [a.id, c.id].toSorted())
  assert.deepEqual(
    changes.map(({ changed, removed }) => [changed.map(({ id }) => id), removed]),
    [
      [[a.id, b.id], []],
      [[c.id], [b.id]],
    ],
  )
})

test('half a sync is worth nothing on another connection', () => {
  const { catalogue, entries } = world()
  const [a, b, c] = [entryOf(), entryOf(), entryOf()]
  entries('1', [a], { reset: true })
  entries('2', [b], { reset: true, more: true })
  catalogue.reconnected()
  entries('3', [c])
  assert.deepEqual([...catalogue.entries.keys()], [a.id, c.id])
})

test('finds whom an entry may match by any selector, also after it changed', () => {
  const { catalogue, entries } = world()
  const wide = entryOf({ selectors: ['unix:uid:5'] })
  const narrow = entryOf({ selectors: ['unix:uid:5', 'unix:path:/usr/bin/node'] })
  entries('1', [wide, narrow], { reset: true })
  const found = (...selectors: string[]) => catalogue.candidates(new Set(selectors)).map(({ id }) => id)
  assert.deepEqual(found('unix:uid:5'), [wide.id])
  assert.deepEqual(found('unix:uid:5', 'unix:path:/usr/bin/node').toSorted(), [wide.id, narrow.id].toSorted())
  entries('2', [{ ...narrow, revision: narrow.revision + 100, selectors: ['unix:uid:6'] }])
  assert.deepEqual(found('unix:uid:5', 'unix:path:/usr/bin/node'), [wide.id])
  assert.deepEqual(found('unix:uid:6'), [narrow.id])
  entries('3', [], { removed: [wide.id, 'never seen'] })
  assert.deepEqual(found('unix:uid:5'), [])
})

test('an entry that came again as it was is no change', () => {
  const { changes, entries } = world()
  const entry = entryOf()
  entries('1', [entry], { reset: true })
  entries('2', [entry], { reset: true })
  assert.equal(changes.length, 1)
})

test('what is written to disk is known after a restart, and rubbish is not', () => {
  const { catalogue, entries, take } = world()
  const ca = new FakeTrustDomain()
  const other = new FakeTrustDomain('other.example')
  take({
    kind: 'bundles',
    trust_domain: 'example.org',
    bundle: ca.bundle.toJson(),
    federated: { 'other.example': other.bundle.toJson(), 'broken.example': '{}' },
  })
  entries('7', [entryOf()], { reset: true })
  const next = world().catalogue
  next.restore(catalogue.toText())
  assert.deepEqual([...next.entries], [...catalogue.entries])
  assert.equal(next.cursor, '7')
  assert.deepEqual([...next.bundles!.federated.keys()], ['other.example'])
  assert.equal(next.roots, ca.rootPem)
  for (const text of ['', '{', '[]', 'null', '{"cursor":"1","entries":[{}],"bundles":null}']) {
    const empty = world().catalogue
    empty.restore(text)
    assert.deepEqual([empty.entries.size, empty.cursor], [0, null], text)
  }
})

test('lines say the time, end the connection, or are passed over', () => {
  const { catalogue, clock, take, entries } = world()
  entries('1', [entryOf()], { reset: true })
  take({ kind: 'beat', at: 1_000_000_000_000 })
  assert.equal(clock.now(), 1_000_000_000_000)
  take({ kind: 'of a later authority' })
  assert.throws(() => take({ kind: 'ended', code: 'node_banned', reason: 'x' }), { code: 'node_banned' })
  assert.equal(catalogue.cursor, '1')
  assert.throws(() => take({ kind: 'ended', code: 'resync', reason: 'x' }), { code: 'server_unreachable' })
  assert.equal(catalogue.cursor, null)
  assert.throws(() => take({ kind: 'entries' }), { code: 'server_unreachable' })
})

test('an entry ends by its date without a word of the authority', async () => {
  const time = new FakeTime()
  const ended: string[] = []
  const expiry = new Expiry(time, entries => ended.push(...entries.map(({ id }) => id)))
  const until = (ms: number) => entryOf({ expires_at: new Date(time.now() + ms).toISOString() })
  const [a, b, c] = [until(10_000), until(20_000), until(20_000)]
  expiry.changed({ changed: [a, b, c, entryOf()], removed: [], bundles: false })
  await time.advance(10_500)
  assert.deepEqual(ended, [a.id])
  expiry.changed({ changed: [{ ...b, expires_at: null }], removed: [], bundles: false })
  await time.advance(60_000)
  assert.deepEqual(ended, [a.id, c.id])
})
