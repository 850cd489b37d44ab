import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diff } from './diff.ts'
import { PERMIT, setOf } from './testing/questions.ts'

const forbid = (id: string, hour: number) =>
  `@id("${id}") forbid (principal, action, resource) when { context has hour && context.hour < ${hour} };`

test('policies differ by id, whatever their order and layout', () => {
  const before = setOf(`${PERMIT} ${forbid('a', 6)} ${forbid('b', 6)} ${forbid('c', 6)}`)
  const after = setOf(`// again\n${forbid('c', 6).replaceAll(' ', '\n')} ${forbid('b', 7)} ${forbid('d', 6)} ${PERMIT}`)
  assert.deepEqual(
    diff(before, after).map(({ policy, change }) => `${change} ${policy}`),
    ['removed a', 'changed b', 'added d'],
  )
  assert.deepEqual(diff(before, before), [])
})

test('a policy without an id is another one when it says something else', () => {
  const differences = diff(setOf(PERMIT), setOf('permit (principal is Lanyard::ApiKey, action, resource);'))
  assert.deepEqual(
    differences.map(({ policy, change }) => `${change} ${policy}`),
    ['removed #1', 'added #1'],
  )
})
