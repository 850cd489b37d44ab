import assert from 'node:assert/strict'
import { test } from 'node:test'
import { affordable } from './descriptors.ts'

const wanted = { connections: 4096, connectionsPerUid: 1024 }

const rows = [
  [Number.POSITIVE_INFINITY, 4096, 1024],
  [524_288, 4096, 1024],
  [4096, 496, 248],
  [1024, 112, 56],
  [64, 2, 1],
] as const

for (const [descriptors, connections, connectionsPerUid] of rows)
  test(`with ${descriptors} descriptors one user never holds all that there are`, () => {
    assert.deepEqual(affordable(wanted, descriptors), { connections, connectionsPerUid })
  })

test('what is wanted is never exceeded', () => {
  const few = { connections: 8, connectionsPerUid: 6 }
  assert.deepEqual(affordable(few, 1 << 20), few)
  assert.deepEqual(affordable(few), few, 'as this process stands')
})
