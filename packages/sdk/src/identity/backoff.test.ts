import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoff } from './backoff.ts'

test('waits double from a second to half a minute, at least half of it', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 1000].map(failures => backoff(failures, () => 1))
  assert.deepEqual(longest, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  const shortest = [1, 2, 3, 6].map(failures => backoff(failures, () => 0))
  assert.deepEqual(shortest, [500, 1000, 2000, 15_000])
})

test('any failure and any dice give a wait within the bounds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, dice) => {
        const wait = backoff(failures, () => dice)
        return wait >= 500 && wait <= 30_000 && Number.isInteger(wait)
      },
    ),
  )
})
