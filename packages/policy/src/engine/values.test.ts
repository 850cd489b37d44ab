import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { actionUid, entityText, parseEntity } from './values.ts'

test('what is written is read again', () => {
  const type = fc.constantFrom('Agent', 'Tenant', 'Todo::User', 'user')
  fc.assert(
    fc.property(type, fc.string({ unit: 'grapheme' }), (type, id) => {
      assert.deepEqual(parseEntity(entityText({ type, id })), { type, id })
    }),
  )
})

const TEXTS: readonly (readonly [string, object | undefined])[] = [
  ['Lanyard::Agent::"spiffe://td/a"', { type: 'Agent', id: 'spiffe://td/a' }],
  ['Agent::"a"', { type: 'Agent', id: 'a' }],
  ['Todo::Agent::"a\\"b"', { type: 'Todo::Agent', id: 'a"b' }],
  ['Agent::"\\u{e9}"', { type: 'Agent', id: 'é' }],
  ['Agent::"a', undefined],
  ['Agent::a', undefined],
  ['"a"', undefined],
  ['Agent::"a"b"', undefined],
  ['Agent::"a\nb"', undefined],
  ['Agent::"\\x"', undefined],
  [' Agent::"a"', undefined],
]
for (const [text, expected] of TEXTS) {
  test(`${expected ? 'read' : 'refused'}: ${JSON.stringify(text)}`, () => assert.deepEqual(parseEntity(text), expected))
}

test('an action is ours by its name, and somebody’s as Cedar writes it', () => {
  assert.deepEqual(actionUid('killAgent'), { type: 'Lanyard::Action', id: 'killAgent' })
  assert.deepEqual(actionUid('agent.kill'), { type: 'Lanyard::Action', id: 'agent.kill' })
  assert.deepEqual(actionUid('Todo::Action::"read"'), { type: 'Todo::Action', id: 'read' })
  assert.deepEqual(actionUid('read'), { type: 'Action', id: 'read' })
  assert.deepEqual(actionUid('toString'), { type: 'Action', id: 'toString' })
})
