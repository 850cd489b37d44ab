import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asked } from '../engine/wasm.ts'
import { killing, setOf } from '../testing/questions.ts'
import { SCHEMA } from './generate.ts'
import { SchemaSlices } from './slices.ts'
import { ACTIONS, NAMESPACE } from './vocabulary.ts'

const whole = asked(cedar => cedar.schemaToJson(SCHEMA))
assert.equal(whole.type, 'success')
const json = whole.type === 'success' ? whole.json : {}
const own = (id: string) => ({ type: `${NAMESPACE}::Action`, id })

test('every action has a part that the engine reads, with the action and what it is in', () => {
  const slices = new SchemaSlices(json)
  for (const id of Object.keys(ACTIONS)) {
    const slice = slices.of(own(id))
    const answer = asked(cedar => cedar.checkParseSchema(slice.schema))
    assert.equal(answer.type, 'success', id)
    const kept = Object.keys(slice.schema[NAMESPACE]!.actions)
    const groups = json[NAMESPACE]!.actions[id]!.memberOf ?? []
    assert.deepEqual(kept.toSorted(), [...new Set([id, ...groups.map(group => group.id)])].toSorted())
    assert.equal(slices.of(own(id)), slice)
  }
})

test('actions that nobody declared share one part, however many are asked about', () => {
  const slices = new SchemaSlices(json)
  assert.equal(slices.of(own('noSuchAction')), slices.of({ type: 'Todo::Action', id: 'constructor' }))
  assert.equal(
    setOf('permit (principal, action, resource);').decide(killing({}, { action: 'toString' })).allowed,
    false,
  )
})

test('a condition sees the actions that it speaks of, also when another is asked about', () => {
  const set = setOf(
    `permit (principal, action, resource)
     when { ${NAMESPACE}::Action::"reinstateAgent" in ${NAMESPACE}::Action::"agent.reinstate" };`,
  )
  assert.deepEqual(set.decide(killing()), { allowed: true, policies: ['acme@3:#1'], errors: [] })
})
