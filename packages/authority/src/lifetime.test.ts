import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TIERS } from '@lanyard/api'
import fc from 'fast-check'
import { LIFETIME, LIFETIME_FLOOR, lifetimeFor, renewAfter, validity } from './lifetime.ts'

test('lifetimes fall strictly from platinum to restricted, and none is below the floor', () => {
  const lives = TIERS.map(tier => LIFETIME[tier])
  assert.deepEqual(lives, [600, 420, 300, 180, 60])
  for (const [i, life] of lives.entries()) {
    assert.ok(i === 0 || life < lives[i - 1]!)
    assert.ok(life >= LIFETIME_FLOOR)
  }
  assert.equal(LIFETIME_FLOOR, 60)
})

test('a shorter life may be asked for, nothing longer and nothing below the floor', () => {
  for (const tier of TIERS) {
    assert.equal(lifetimeFor(tier, undefined), LIFETIME[tier])
    assert.equal(lifetimeFor(tier, LIFETIME[tier]), LIFETIME[tier])
    assert.equal(lifetimeFor(tier, 60), 60)
    for (const asked of [LIFETIME[tier] + 1, 59, 0, -1, 60.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => lifetimeFor(tier, asked), { code: 'ttl_out_of_range' }, `${tier} ${asked}`)
    }
  }
})

test('a certificate is valid for its lifetime from its issue on, both ends counted, and ten seconds before', () => {
  assert.deepEqual(validity(1_000_000_500, 300), { notBefore: 999_990, notAfter: 1_000_299 })
})

test('renewal falls at half the life, give or take a tenth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 60, max: 600 }), fc.double({ min: 0, max: 1, noNaN: true }), (ttl, dice) => {
      const after = renewAfter(5_000, ttl, dice) - 5_000
      assert.ok(after >= ttl * 450 - 1 && after <= ttl * 550 + 1)
    }),
  )
})
