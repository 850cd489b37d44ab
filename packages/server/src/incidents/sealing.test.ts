import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { Sealing } from './sealing.ts'

const sealing = new Sealing(new Uint8Array(32).fill(1), 'example.org')
const VALUE = { rule: 'egress', größe: [1, null, 'ü'] }

const damaged = (open: () => unknown, what: string) =>
  assert.throws(open, error => error instanceof LanyardError && error.code === 'store_damaged', what)

test('what is sealed opens as it was, and never looks the same twice', () => {
  const [one, two] = [sealing.seal('inc_1', 'snapshot', VALUE), sealing.seal('inc_1', 'snapshot', VALUE)]
  assert.deepEqual(sealing.open('inc_1', 'snapshot', one), VALUE)
  assert.notDeepEqual(one, two)
  assert.doesNotMatch(one.toString('latin1'), /egress/)
})

test('it opens in no other place, and under no other key', () => {
  const sealed = sealing.seal('inc_1', 'snapshot', VALUE)
  damaged(() => sealing.open('inc_2', 'snapshot', sealed), 'another incident')
  damaged(() => sealing.open('inc_1', 'evidence', sealed), 'another kind')
  const others = [
    new Sealing(new Uint8Array(32).fill(2), 'example.org'),
    new Sealing(new Uint8Array(32).fill(1), 'example.net'),
  ]
  for (const other of others) damaged(() => other.open('inc_1', 'snapshot', sealed), 'another authority')
})

test('every bit counts, and every length', () => {
  const sealed = sealing.seal('inc_1', 'snapshot', 1)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    damaged(() => sealing.open('inc_1', 'snapshot', changed), `bit ${bit}`)
  }
  for (let length = 0; length < sealed.length; length++)
    damaged(() => sealing.open('inc_1', 'snapshot', sealed.subarray(0, length)), `${length} bytes`)
})
