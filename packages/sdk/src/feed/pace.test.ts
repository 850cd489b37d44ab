import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paceOf } from './pace.ts'

test('soon at first, then more and more slowly, never all at once', () => {
  const longest = Array.from({ length: 10 }, (_, i) => paceOf(i + 1, () => 0.999))
  assert.deepEqual(longest, [60, 120, 240, 480, 960, 1919, 3838, 3998, 3998, 3998])
  for (const failures of [1, 3, 9, 2_000]) {
    const [least, most] = [paceOf(failures, () => 0), paceOf(failures, () => 0.999)]
    assert.ok(least >= most / 2.01 && least <= most / 1.9)
  }
})
