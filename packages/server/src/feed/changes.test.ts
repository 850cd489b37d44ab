import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DeathState } from '@lanyard/authority'
import { subjectOf } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { Changes, told } from './changes.ts'

const death = (value: string, epoch: number, more: Partial<DeathState> = {}): DeathState => ({
  kind: 'lineage',
  value,
  through: 1,
  reborn: 0,
  epoch,
  at: 0,
  until: null,
  ...more,
})
const named = (value: string) => subjectOf('lineage', value, nodeCrypto)
const begun = (deaths: readonly DeathState[], epoch: number, kept?: number) =>
  new Changes(deaths, epoch, nodeCrypto, kept)

function add(changes: Changes, ...deaths: readonly DeathState[]): void {
  changes.add(changes.read(deaths))
}

const subjects = (changes: ReturnType<Changes['since']>) => changes?.map(({ subject }) => subject) ?? null

describe('what came', () => {
  test('is told from any epoch since the beginning, and none before', () => {
    const changes = begun([death('a', 3)], 5)
    add(changes, death('b', 6), death('c', 6))
    add(changes, death('d', 8))
    assert.equal(changes.since(4), null)
    assert.deepEqual(subjects(changes.since(5)), ['b', 'c', 'd'].map(named))
    assert.deepEqual(subjects(changes.since(6)), [named('d')])
    assert.deepEqual(subjects(changes.since(8)), [])
  })

  test('stands once, as it is now', () => {
    const changes = begun([], 0)
    add(changes, death('a', 1, { through: 1 }), death('b', 1))
    add(changes, death('a', 2, { through: 2, reborn: 3, until: 9000 }))
    const since = changes.since(0)!
    assert.deepEqual(subjects(since), [named('b'), named('a')])
    assert.deepEqual(told(since), {
      deaths: [
        { subject: named('b'), through: 1, until: null },
        { subject: named('a'), through: 2, until: 9000 },
      ],
      rebirths: [{ subject: named('a'), incarnation: 3 }],
    })
  })

  test('is kept for a while only: the rest is for a snapshot', () => {
    const changes = begun([], 0, 10)
    for (let epoch = 1; epoch <= 100; epoch++) add(changes, death(`l${epoch}`, epoch))
    assert.equal(changes.since(50), null)
    assert.equal(changes.since(90)!.length, 10)
    assert.equal(changes.all(0).length, 100)
  })

  test('leaves nothing out where an epoch is cut in two', () => {
    const changes = begun([], 0, 4)
    add(changes, ...Array.from({ length: 9 }, (_, i) => death(`a${i}`, 1)))
    assert.equal(changes.since(0), null)
    assert.deepEqual(changes.since(1), [])
  })
})

test('all that matters is what has not ended', () => {
  const changes = begun([death('a', 1, { until: 1000 }), death('b', 2), death('c', 3, { until: 2000 })], 3)
  assert.equal(changes.all(1000).length, 3)
  assert.deepEqual(subjects(changes.all(1001)), ['b', 'c'].map(named))
  assert.deepEqual(subjects(changes.all(2001)), [named('b')])
})
