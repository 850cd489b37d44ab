import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PERMISSIONS, type Route, routes } from '@lanyard/api'
import { engine } from '../engine/wasm.ts'
import { SCHEMA } from './generate.ts'
import { ACTIONS } from './vocabulary.ts'

test('the engine takes the schema', () => {
  assert.equal(engine().cedar.checkParseSchema(SCHEMA).type, 'success')
})

test('every call that is not public is an action, in the group of its permission; a public one is none', () => {
  for (const [id, { auth }] of Object.entries<Route>(routes)) {
    const expected = auth.kind === 'public' ? undefined : auth.permission === null ? [] : [auth.permission]
    assert.deepEqual(ACTIONS[id]?.in, expected, id)
  }
})

test('no name stands for two actions', () => {
  const names = [...Object.keys(routes), ...Object.keys(PERMISSIONS), 'issue', 'call']
  assert.equal(new Set(names).size, names.length)
})
