import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Quota } from './quota.ts'

test('a quota is shared by users, and what is put back twice counts once', () => {
  const quota = new Quota(3, 2)
  const [a, b] = [quota.take(1), quota.take(1)]
  assert.ok(a !== null && b !== null)
  assert.equal(quota.take(1), null)
  assert.ok(quota.take(2))
  assert.equal(quota.take(2), null)
  a()
  a()
  assert.equal(quota.open, 2)
  assert.ok(quota.take(1))
  assert.equal(quota.take(1), null)
})
