import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LanyardError } from '@lanyard/api'
import { Knocks } from './knocks.ts'

const refused = (knocks: Knocks, machine: string, at: number) => {
  try {
    knocks.add(machine, at)
    return null
  } catch (error) {
    const { code, extras } = error as LanyardError
    return [code, extras.retry_after_sec]
  }
}

test('a machine proves itself so often in a minute, and others as often', () => {
  const knocks = new Knocks()
  for (let n = 0; n < 100; n++) assert.equal(refused(knocks, 'a', 1000 + n), null)
  assert.deepEqual(refused(knocks, 'a', 1100), ['rate_limited', 60])
  assert.equal(refused(knocks, 'b', 1100), null)
  assert.equal(refused(knocks, 'a', 61_000), null)
  // A clock that was set back keeps nobody out.
  assert.equal(refused(knocks, 'b', 0), null)
})

test('a refusal is told once in a minute, another one at once', () => {
  const knocks = new Knocks()
  knocks.add('a', 0)
  assert.deepEqual(
    ['x', 'x', 'y', 'y'].map(code => knocks.tell('a', code)),
    [true, false, true, false],
  )
  knocks.add('a', 60_000)
  assert.equal(knocks.tell('a', 'y'), true)
})
