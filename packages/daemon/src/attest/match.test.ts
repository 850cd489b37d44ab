import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeEntry } from '@lanyard/api'
import type { Workload } from '../ports.ts'
import { FakeProcess } from '../testing/process.ts'
import { match } from './match.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')

function entry(id: string, change: Partial<NodeEntry> = {}): NodeEntry {
  return {
    id,
    revision: 1,
    tenant: 'acme',
    agent: id,
    spiffe_id: `spiffe://example.org/acme/${id}`,
    selectors: ['unix:uid:1001'],
    x509_ttl_sec: null,
    jwt_ttl_sec: null,
    hint: null,
    federates_with: [],
    expires_at: null,
    children: false,
    replicas: 1,
    key_policy: 'modern',
    created_at: '2026-11-01T00:00:00Z',
    ...change,
  }
}

function workload(change: Partial<Workload> = {}): Workload {
  const selectors = new Set(['unix:uid:1001', 'unix:gid:1001', 'unix:path:/usr/bin/node'])
  return { process: new FakeProcess(), selectors, mainOf: [], launchedFor: null, ...change }
}

/** Ids of what is given; of the others the code. */
const outcome = (of: Workload, ...entries: NodeEntry[]) =>
  match(of, entries, NOW).map(verdict => (verdict.given ? verdict.entry.id : `${verdict.entry.id} ${verdict.code}`))

test('a process that nobody launched gets nothing, unless the entry is for all that match', () => {
  const all = [entry('plain'), entry('children', { children: true })]
  assert.deepEqual(outcome(workload(), ...all), ['children', 'plain workload_is_descendant'])
})

test('a launch counts for its own entry alone', () => {
  assert.deepEqual(outcome(workload({ launchedFor: 'a' }), entry('a'), entry('b')), ['a', 'b workload_is_descendant'])
})

test('the identity that a process was launched for is the first, also where an older entry is for all that match', () => {
  const older = entry('a', { children: true, created_at: '2026-10-01T00:00:00Z' })
  const all = [older, entry('b'), entry('c')]
  assert.deepEqual(outcome(workload({ launchedFor: 'b' }), ...all), ['b', 'a', 'c workload_is_descendant'])
})

test('what the platform launched counts for every entry that matches', () => {
  assert.deepEqual(outcome(workload({ mainOf: ['systemd a.service'] }), entry('a'), entry('b')), ['a', 'b'])
})

test('all selectors must match, and those that do not are named', () => {
  const missing = entry('a', { selectors: ['unix:uid:1001', 'unix:path:/usr/bin/NODE', 'unix:sha256:00'] })
  const [verdict] = match(workload({ launchedFor: 'a' }), [missing], NOW)
  assert.ok(verdict && !verdict.given)
  assert.deepEqual([verdict.code, verdict.missing], ['no_identity', ['unix:path:/usr/bin/NODE', 'unix:sha256:00']])
})

test('an entry without selectors is for nobody', () => {
  assert.deepEqual(outcome(workload({ launchedFor: 'a' }), entry('a', { selectors: [], children: true })), [
    'a no_identity',
  ])
})

test('an expired entry gives nothing, nor one whose end is no date', () => {
  const until = (expires_at: string) => entry('a', { expires_at, children: true })
  assert.deepEqual(outcome(workload(), until('2026-11-21T12:00:00.001Z')), ['a'])
  for (const end of ['2026-11-21T12:00:00Z', '2020-01-01T00:00:00Z', 'soon', ''])
    assert.deepEqual(outcome(workload(), until(end)), ['a entry_expired'], end)
})

test('the oldest entry is the first, by id where two are of one moment', () => {
  const of = workload({ mainOf: ['docker x'] })
  const entries = [
    entry('c', { created_at: '2026-11-01T00:00:00.100Z' }),
    entry('d', { created_at: '2026-11-01T00:00:00Z' }),
    entry('b', { created_at: '2026-11-01T00:00:00Z' }),
    entry('old', { created_at: '2025-11-01T00:00:00Z', selectors: ['unix:uid:0'] }),
  ]
  for (const order of [entries, entries.toReversed()])
    assert.deepEqual(outcome(of, ...order), ['b', 'd', 'c', 'old no_identity'])
})
