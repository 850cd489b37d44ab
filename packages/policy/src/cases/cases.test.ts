import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PERMIT, setOf } from '../testing/questions.ts'
import { CasesInvalid, readCases } from './read.ts'
import { runCases } from './run.ts'

const set = setOf(`${PERMIT}
@id("night") forbid (principal, action in Lanyard::Action::"agent.kill", resource) when { context has hour && context.hour < 6 };
@id("gold") forbid (principal, action, resource is Lanyard::Agent) when { resource has tier && resource.tier == "gold" };`)

const given = {
  principal: 'ApiKey::"ci"',
  action: 'killAgent',
  resource: 'Lanyard::Agent::"spiffe://td/acme/a"',
  context: { hour: 12 },
}
const agent = {
  entity: 'Agent::"spiffe://td/acme/a"',
  in: ['Tenant::"acme"'],
  attributes: { tenant: 'acme', name: 'a', tier: 'gold' },
  labels: { env: 'prod' },
}

test('cases that hold, and what is said of those that do not', () => {
  const results = runCases(
    set,
    readCases({
      given,
      cases: [
        { name: 'by day', expect: 'allow' },
        { name: 'by night', context: { hour: 3 }, expect: 'deny', by: ['night'] },
        { name: 'another call by night', action: 'getAgent', context: { hour: 3 }, expect: 'allow' },
        { name: 'no such attribute', context: { moon: 'full' }, expect: 'error' },
        { name: 'wrong outcome', expect: 'deny' },
        { name: 'wrong policy', context: { hour: 3 }, expect: 'deny', by: ['gold'] },
        { name: 'an error is no plain denial', context: { moon: 'full' }, expect: 'deny' },
      ],
    }),
  )
  assert.deepEqual(
    results.map(({ failure }) => failure?.slice(0, 45) ?? null),
    [
      null,
      null,
      null,
      null,
      'expected deny, got allow by #1',
      'expected deny by gold, got it by night',
      'expected deny, got error: while parsing conte',
    ],
  )
})

test('entities of the file stand beside each question', () => {
  const [result] = runCases(
    set,
    readCases({ given, entities: [agent], cases: [{ name: 'gold', expect: 'deny', by: ['gold'] }] }),
  )
  assert.equal(result?.failure, null)
})

const one = { name: 'x', expect: 'allow' }
const INVALID: readonly (readonly [string, unknown])[] = [
  ['the file', []],
  ['the file', { given, cases: [one], expects: 1 }],
  ['cases: expected a list', { given }],
  ['cases: expected at least', { given, cases: [] }],
  ['cases.0.expect', { given, cases: [{ name: 'x' }] }],
  ['cases.0.expect', { given, cases: [{ name: 'x', expect: 'yes' }] }],
  ['cases.0: unknown member "exspect"', { given, cases: [{ name: 'x', exspect: 'deny' }] }],
  ['cases.0.name', { given, cases: [{ expect: 'deny' }] }],
  ['cases.0.principal', { given: {}, cases: [one] }],
  ['cases.0.principal: expected an entity', { given, cases: [{ ...one, principal: 'ci' }] }],
  ['cases.0.resource: expected an entity', { given, cases: [{ ...one, resource: 'Agent::"a" ' }] }],
  ['cases.0.by.0', { given, cases: [{ ...one, by: [1] }] }],
  ['cases.0.context', { given, cases: [{ ...one, context: [1] }] }],
  ['entities.0.in.0', { given, entities: [{ ...agent, in: ['acme'] }], cases: [one] }],
  ['entities.0: unknown member "tier"', { given, entities: [{ ...agent, tier: 'gold' }], cases: [one] }],
]
for (const [starts, file] of INVALID) {
  test(`refused: ${starts}`, () => {
    assert.throws(
      () => readCases(file),
      (error: Error) => error instanceof CasesInvalid && error.message.startsWith(starts),
    )
  })
}
