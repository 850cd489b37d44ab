import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Comparison } from './clock.ts'

const at = (monotonic: number, set = 0) => ({ wall: 1_000_000 + monotonic + set, monotonic })

test('the better comparison counts, until clocks may have drifted further apart than it knew', () => {
  const clock = new Comparison()
  assert.equal(clock.timeOf(0, at(10)), 1_000_000)
  assert.equal(clock.take({ offsetMs: 5, uncertaintyMs: 2 }, at(0)), true)
  assert.equal(clock.take({ offsetMs: 80, uncertaintyMs: 80 }, at(1_000)), false)
  assert.equal(clock.offsetMs, 5)
  assert.equal(clock.take({ offsetMs: 6, uncertaintyMs: 80 }, at(200_000)), true)
  assert.equal(clock.take({ offsetMs: 7, uncertaintyMs: 1 }, at(200_001)), true)
  assert.deepEqual([clock.offsetMs, clock.uncertaintyMs], [7, 1])
  assert.equal(clock.timeOf(200_000, at(200_010)), 1_200_007)
})

test('a clock that was set, or a machine that slept, makes any comparison better than the one before', () => {
  for (const set of [-3_600_000, 60, 3_600_000]) {
    const clock = new Comparison()
    clock.take({ offsetMs: 5, uncertaintyMs: 1 }, at(0))
    assert.equal(clock.wasSet(at(1_000)), false)
    assert.equal(clock.wasSet(at(1_000, set)), true)
    assert.equal(clock.take({ offsetMs: -set, uncertaintyMs: 80 }, at(1_000, set)), true)
  }
})

test('a comparison that cannot be true beside the one before is of another clock, and counts', () => {
  const clock = new Comparison()
  clock.take({ offsetMs: 5, uncertaintyMs: 2 }, at(0))
  assert.equal(clock.take({ offsetMs: -2_000, uncertaintyMs: 40 }, at(1_000)), true)
  assert.equal(clock.take({ offsetMs: 5, uncertaintyMs: 60 }, at(2_000)), true)
})
