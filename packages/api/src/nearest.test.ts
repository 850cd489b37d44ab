import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest, nearestWithinReach } from './nearest.ts'

const KNOWN = ['data', 'listen', 'trust_domain', 'limits.body_bytes', 'limits.header_bytes', 'log.level']

const ROWS: readonly (readonly [written: string, expected: string, why: string])[] = [
  ['listen', 'listen', 'the same'],
  ['lsiten', 'listen', 'two letters swapped'],
  ['trust-domain', 'trust_domain', 'another separator'],
  ['trustdomain', 'trust_domain', 'a letter left out'],
  ['body_bytes', 'limits.body_bytes', 'the folder left out'],
  ['level', 'log.level', 'the folder left out'],
  ['limit.header_bytes', 'limits.header_bytes', 'the folder misspelt'],
  ['', 'data', 'nothing written: the shortest'],
]

for (const [written, expected, why] of ROWS)
  test(`nearest to ${JSON.stringify(written)}: ${why}`, () => assert.equal(nearest(written, KNOWN), expected))

test('nothing is nearest where nothing is known', () => assert.equal(nearest('listen', []), undefined))

test('a guess out of reach is not made', () => {
  assert.equal(nearestWithinReach('listne', KNOWN), 'listen')
  assert.equal(nearestWithinReach('frobnicate', KNOWN), undefined)
})

test('a long text costs no more than a short one', () => {
  assert.equal(nearest(`listen${'x'.repeat(10_000_000)}`, KNOWN), 'listen')
})
