import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireClaims, requireSubject } from './claims.ts'

const read = (claims: Readonly<Record<string, unknown>>) => (path: string) =>
  Object.hasOwn(claims, path) ? claims[path] : undefined

const INVALID = { code: 'external_token_invalid' }

test('the claim that names an agent is a text that can be kept as it came', () => {
  for (const value of ['a', 'x'.repeat(1024), 'ü 😀', ' ', '\u202e', 'null'])
    assert.equal(requireSubject(read({ sub: value }), { agentClaim: 'sub' }), value)
  const wrong = [undefined, null, '', 'x'.repeat(1025), 7, true, ['a'], { a: 1 }, 'a\0', '\ud800', 'a\udfff']
  for (const value of wrong) assert.throws(() => requireSubject(read({ sub: value }), { agentClaim: 'sub' }), INVALID)
  assert.throws(() => requireSubject(read({ sub: 'a' }), { agentClaim: 'name' }), INVALID)
})

test('what is said of a wrong claim does not repeat it', () => {
  for (const value of ['secret'.repeat(200), ['secret'], { secret: 'secret' }])
    assert.throws(
      () => requireSubject(read({ sub: value }), { agentClaim: 'sub' }),
      error => !String(error).includes('secret'),
    )
})

const CASES: [fits: boolean, wanted: unknown, value: unknown][] = [
  [true, 'prod', 'prod'],
  [true, ['dev', 'prod'], 'prod'],
  [true, 'prod', ['dev', 'prod']],
  [true, 7, 7],
  [true, true, true],
  [false, 'prod', 'Prod'],
  [false, 'prod', 'prod '],
  [false, 'prod', undefined],
  [false, 'prod', null],
  [false, 'prod', []],
  [false, 'prod', [['prod']]],
  [false, 'prod', { prod: true }],
  [false, ['prod'], ['prod2', 'dev']],
  [false, 7, '7'],
  [false, '7', 7],
  [false, true, 'true'],
  [false, true, 1],
  [false, 0, false],
  [false, [], 'prod'],
  [false, undefined, undefined],
  [false, null, null],
  [true, null, undefined],
  [false, null, ''],
  [false, null, false],
  [false, null, []],
  [false, null, 'prod'],
  [false, [null], undefined],
]

test('a required claim has its value, letter by letter and of its type', () => {
  for (const [fits, wanted, value] of CASES) {
    const run = () => requireClaims(read({ env: value }), { requiredClaims: { env: wanted } })
    const name = JSON.stringify([wanted, value])
    if (fits) assert.doesNotThrow(run, name)
    else assert.throws(run, INVALID, name)
  }
})

test('a claim that must not be there refuses those who have it, whatever it says', () => {
  const requiredClaims = { uid: null, env: 'prod' }
  assert.doesNotThrow(() => requireClaims(read({ env: 'prod' }), { requiredClaims }))
  assert.throws(() => requireClaims(read({ env: 'prod', uid: '00u1' }), { requiredClaims }), /expected no claim uid/)
  assert.throws(() => requireClaims(read({}), { requiredClaims }), /expected claim env/)
})

test('every required claim must be there', () => {
  const requiredClaims = { a: 1, b: 2 }
  assert.doesNotThrow(() => requireClaims(read({ a: 1, b: 2, c: 3 }), { requiredClaims }))
  assert.throws(() => requireClaims(read({ a: 1 }), { requiredClaims }), INVALID)
  assert.throws(() => requireClaims(read({ a: 1, b: 1 }), { requiredClaims }), /expected claim b to be 2/)
})
