import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rows, Voucher } from '../ports.ts'
import { answerFor } from './answer-for.ts'

const provider: Voucher = { kind: 'idp', id: '1'.repeat(32), tenant: 'acme' }
const whole = { id: 'x', issuer: 'https://i.test', audiences: ['a'], tier: 'gold', enabled: true, allowed: false }

/** The settings that the server answers for after a change. */
function answered(before: object | null, after: object, updatedBy = 'server'): readonly string[] {
  const said: string[] = []
  const trust = {
    // biome-ignore lint/correctness/useYield: a step that asks the store nothing.
    *answer(voucher: Voucher, settings: readonly string[], maker: string) {
      assert.deepEqual([voucher, maker], [provider, 'server'])
      said.push(...settings)
    },
  }
  const act = { caller: 'server', at: 0, source: null, correlation: null } as const
  const step = answerFor(
    { trust } as unknown as Rows,
    provider,
    before && { told: before as typeof whole, updatedBy },
    after as typeof whole,
    act,
  )
  assert.equal(step.next().done, true)
  return said
}

const ALL = ['issuer', 'audiences', 'enabled']

for (const [what, before, after, settings] of [
  ['adds it', null, whole, ALL],
  ['enables it again', { ...whole, enabled: false }, whole, ALL],
  ['changes one thing', whole, { ...whole, audiences: ['b'] }, ['audiences']],
  ['lets it do more', whole, { ...whole, allowed: true }, ['allowed']],
  ['says what is so', whole, { ...whole, audiences: ['a'] }, []],
  ['disables it', whole, { ...whole, enabled: false }, []],
  ['forbids it something', { ...whole, allowed: true }, whole, []],
  ['says the tier of what it brings', whole, { ...whole, tier: 'silver' }, []],
  [
    'changes it while it is off',
    { ...whole, enabled: false },
    { ...whole, enabled: false, audiences: [] },
    ['audiences'],
  ],
] as const) {
  test(`whoever ${what} answers for ${settings.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(answered(before, after), settings)
  })
}

test('whoever switches on what somebody else switched off answers for that alone', () => {
  assert.deepEqual(answered({ ...whole, enabled: false }, whole, 'api-key:thief'), ['enabled'])
})

test('whoever says the same in another order says nothing new', () => {
  const [before, after] = [
    { a: 1, b: { c: 2, d: 3 } },
    { b: { d: 3, c: 2 }, a: 1 },
  ]
  assert.deepEqual(answered({ ...whole, claims: before }, { ...whole, claims: after }), [])
})
