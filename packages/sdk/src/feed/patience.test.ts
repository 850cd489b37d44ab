import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestTime } from '../testing/test-time.ts'
import { Patience } from './patience.ts'

test('patience ends with a silence, and at last however slowly something goes on', () => {
  for (const [step, ends] of [
    [1_000, 1_000],
    [900, 10_000],
  ] as const) {
    const time = new TestTime()
    const gaveUp: number[] = []
    const patience = new Patience(time, 1_000, () => gaveUp.push(time.monotonic()))
    for (let i = 0; i < 12 && gaveUp.length === 0; i++) {
      time.advance(step)
      if (gaveUp.length === 0) patience.again()
    }
    assert.equal(gaveUp[0], ends)
    patience.end()
    assert.equal(time.waiting, 0)
  }
})
