import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@lanyard/protocol'
import { pooledDice } from './dice.ts'

test('never gives the same bytes twice, also over the ends of its blocks', () => {
  const dice = pooledDice()
  const seen = new Set<string>()
  for (let i = 0; i < 2000; i++) {
    const bytes = dice.bytes(16 + (i % 17))
    assert.equal(bytes.length, 16 + (i % 17))
    seen.add(toHex(bytes.slice(0, 16)))
  }
  assert.equal(seen.size, 2000)
  assert.equal(seen.has('00'.repeat(16)), false)
  assert.equal(dice.bytes(10_000).length, 10_000)
})

test('what was given out stays as it is when the block goes on', () => {
  const dice = pooledDice()
  const first = dice.bytes(32)
  const before = toHex(first)
  for (let i = 0; i < 500; i++) dice.bytes(32)
  assert.equal(toHex(first), before)
})
