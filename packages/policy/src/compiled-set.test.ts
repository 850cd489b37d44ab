import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asked, engine } from './engine/wasm.ts'
import { type CompiledSet, restore } from './index.ts'
import { killing, PERMIT, setOf, textOf } from './testing/questions.ts'

const NIGHT = `${PERMIT}
@id("no-kills-at-night")
forbid (principal, action in Lanyard::Action::"agent.kill", resource) when { context has hour && context.hour < 6 };`

test('forbid wins, and decisions name the policies that made them', () => {
  const set = setOf(NIGHT)
  assert.deepEqual(set.decide(killing({ hour: 5 })), {
    allowed: false,
    policies: ['acme@3:no-kills-at-night'],
    errors: [],
  })
  assert.deepEqual(set.decide(killing({ hour: 6 })), { allowed: true, policies: ['acme@3:#1'], errors: [] })
  assert.equal(set.decide(killing({ hour: 5 }, { action: 'getAgent' })).allowed, true)
})

test('what no policy permits is denied, with no policy and no error', () => {
  assert.deepEqual(setOf('').decide(killing()), { allowed: false, policies: [], errors: [] })
})

test('a set of the trust domain is called *', () => {
  assert.deepEqual(setOf(PERMIT, { tenant: null, version: 12 }).decide(killing()).policies, ['*@12:#1'])
})

test('an error in any policy denies what another one permits, where Cedar would leave the first out', () => {
  const set = setOf(
    `${PERMIT} @id("sum") forbid (principal, action, resource) when { context has hour && context.hour * 9223372036854775807 == 1 };`,
  )
  const { allowed, errors } = set.decide(killing({ hour: 2 }))
  assert.equal(allowed, false)
  assert.match(errors[0]!, /^acme@3:sum: /)
})

const WRONG: readonly (readonly [string, Parameters<typeof killing>])[] = [
  ['an unknown attribute of the context', [{ moon: 'full' }]],
  ['a text for a number', [{ hour: '5' }]],
  ['a fraction', [{ hour: 5.5 }]],
  ['a number beyond those that are exact', [{ hour: 2 ** 60 }]],
  ['not a number', [{ hour: Number.NaN }]],
  ['an address that is none', [{ source: '10.0.0.256' }]],
  ['a network for an address', [{ source: '10.0.0.0/8' }]],
  ['an address with a zone', [{ source: 'fe80::1%eth0' }]],
  ['a function', [{ path: () => 'x' }]],
  ['a big number', [{ hour: 5n }]],
  ['an action that does not exist', [{}, { action: 'makeTea' }]],
  ['an action of nobody’s', [{}, { action: 'Todo::Action::"read"' }]],
  ['a principal of a type that cannot do it', [{}, { principal: { type: 'Node', id: 'x' } }]],
  ['a resource of a type that it is not done to', [{}, { resource: { type: 'Role', id: 'x' } }]],
  ['a type of nobody’s', [{}, { principal: { type: 'Robot', id: 'x' } }]],
  ['a type that is no name', [{}, { principal: { type: '"', id: 'x' } }]],
  [
    'an entity twice, with other attributes',
    [
      {},
      {
        entities: [
          { type: 'Agent', id: 'a', attributes: { tenant: 'acme', name: 'a' }, parents: [] },
          { type: 'Agent', id: 'a', attributes: { tenant: 'acme', name: 'b' }, parents: [] },
        ],
      },
    ],
  ],
  [
    'an entity with an unknown attribute',
    [{}, { entities: [{ type: 'Tenant', id: 'a', attributes: { x: 1 }, parents: [] }] }],
  ],
  [
    'an entity within what it cannot be in',
    [{}, { entities: [{ type: 'Tenant', id: 'a', attributes: {}, parents: [{ type: 'Agent', id: 'b' }] }] }],
  ],
]
for (const [what, question] of WRONG) {
  test(`denied with an error, although everything is permitted: ${what}`, () => {
    const { allowed, errors } = setOf(PERMIT).decide(killing(...question))
    assert.equal(allowed, false)
    assert.ok(errors.length > 0)
  })
}

test('what is deeper than the engine can descend is denied before it', () => {
  const set = setOf(PERMIT)
  for (const levels of [17, 5000, 50_000]) {
    let deep: unknown = 1
    for (let level = 0; level < levels; level++) deep = { a: deep }
    assert.deepEqual(set.decide(killing({ deep })).errors, ['nested too deep'])
  }
})

test('an address is the one behind, also where a socket of both families names it', () => {
  const set = setOf(
    'permit (principal, action, resource) when { context has source && context.source.isInRange(ip("10.0.0.0/8")) };',
  )
  const from = (source: string) => set.decide(killing({ source })).allowed
  assert.deepEqual(['10.1.2.3', '::ffff:10.1.2.3', '11.0.0.1', '::1'].map(from), [true, true, false, false])
})

test('labels of agents are tags', () => {
  const set = setOf(
    'permit (principal, action, resource is Lanyard::Agent) when { resource.hasTag("env") && resource.getTag("env") == "prod" };',
  )
  assert.equal(set.decide(killing()).allowed, true)
})

test('names that mean something to JavaScript are names like others', () => {
  const set = setOf(PERMIT)
  const context = JSON.parse('{"__proto__": {"hour": 1}, "constructor": 1}')
  assert.equal(set.decide(killing(context)).allowed, false)
})

// What decisions are remembered by must not be less than what policies can see.
test('a remembered decision is the one that a fresh set makes', () => {
  const policies = `${NIGHT}
    forbid (principal, action, resource is Lanyard::Agent) when { resource has tier && resource.tier == "gold" && context has ttl_sec && context.ttl_sec > 100 };
    forbid (principal, action, resource is Lanyard::Agent) when { resource.hasTag("env") && resource.getTag("env") == "lab" };
    forbid (principal, action, resource) when { resource in Lanyard::Tenant::"globex" };`
  const kept = setOf(policies)
  const arbitrary = fc.record({
    hour: fc.constantFrom(undefined, 5, 6),
    ttl_sec: fc.constantFrom(undefined, 100, 101),
    door: fc.constantFrom(undefined, 'csr', 'jwt'),
    moon: fc.constantFrom(undefined, 1),
    tier: fc.constantFrom(undefined, 'gold', 'silver', 7),
    env: fc.constantFrom('lab', 'prod'),
    tenant: fc.constantFrom('acme', 'globex'),
  })
  const asks = fc.array(arbitrary, { minLength: 2, maxLength: 12 })
  fc.assert(
    fc.property(asks, all => {
      for (const { tier, env, tenant, ...context } of all) {
        const question = killing(context)
        const [agent] = question.entities.filter(({ type }) => type === 'Agent')
        const facts = {
          ...agent!,
          attributes: { ...agent!.attributes, tier, labels: { env } },
          parents: [{ type: 'Tenant', id: tenant }],
        }
        const asked = { ...question, entities: [facts] }
        assert.deepEqual(kept.decide(asked), restored(policies).decide(asked))
      }
    }),
    { numRuns: 15 },
  )
})

const restored = (policies: string, version = 3) => restore(textOf(policies, { version })) as CompiledSet

test('what the engine does not take is denied though it asked the same before', () => {
  const set = setOf(PERMIT)
  assert.equal(set.decide(killing({ source: '10.0.0.1', path: '/a' })).allowed, true)
  const extension = (fn: string, arg: string) => ({ source: { __extn: { fn, arg } } })
  const hostile = [
    extension('decimal', '1.0'),
    extension('ip', 'localhost'),
    extension('ip', '::ffff:10.0.0.1'),
    extension('ip', 'fe80::1%eth0'),
    { source: { __extn: 'ip' } },
  ]
  for (const context of [
    ...hostile.map(({ source }) => ({ source, path: '/a' })),
    { source: '10.0.0.1', path: '\ud800' },
  ])
    assert.equal(set.decide(killing(context)).errors.length, 1, JSON.stringify(context))
})

test('a policy about the whole context sees all of it', () => {
  // The strict check allows no such comparison: what was saved by another version may hold one all the same.
  const set = restored('permit (principal, action, resource) when { context == {hour: 5} };')
  assert.notEqual(set.decide(killing({ hour: 5 })).allowed, set.decide(killing({ hour: 5, door: 'csr' })).allowed)
})

test('after a trap of the engine the next question has a new one', () => {
  const set = setOf(NIGHT)
  assert.equal(set.decide(killing({ hour: 7 })).allowed, true)
  assert.throws(() =>
    asked(() => {
      throw Object.assign(new Error('unreachable'), { name: 'RuntimeError' })
    }),
  )
  assert.equal(set.decide(killing({ hour: 8 })).allowed, true)
})

test('half a surrogate pair is refused before the engine, which each of them would leave less stack', () => {
  const set = setOf(NIGHT)
  const { generation } = engine()
  const wrong = [
    killing({ path: '\ud800' }),
    killing({ '\ud800': 1 }),
    killing({}, { principal: { type: 'ApiKey', id: '\udfff' } }),
    killing({}, { action: '\ud800' }),
    killing({}, { action: 'Todo::Action::"\\u{d800}"' }),
  ]
  for (let round = 0; round < 500; round++)
    for (const question of wrong) assert.equal(set.decide(question).allowed, false)
  for (const text of ['permit \ud800', `${PERMIT} // \udc00`, `@id("\ud800") ${PERMIT}`])
    assert.match(String(restore(textOf(text))), /half a surrogate pair/)
  const entities = [{ uid: { type: 'App::A', id: '\ud800' }, attrs: {}, parents: [] }]
  assert.match(String(restore(textOf(PERMIT, { entities }))), /half a surrogate pair/)
  assert.equal(engine().generation, generation)
})

test('an engine that has thrown often is left before it has no stack any more', () => {
  const set = setOf(NIGHT)
  const { generation } = engine()
  const fail = () => asked(cedar => cedar.checkParsePolicySet({ staticPolicies: '\ud800' }))
  for (let at = 0; at < 400; at++) assert.throws(fail, (error: Error) => error.name !== 'RuntimeError')
  assert.ok(engine().generation > generation)
  assert.equal(set.decide(killing({ hour: 9 })).allowed, true)
})

test('what is remembered is bounded, and what is too long is not', () => {
  const set = setOf('permit (principal, action, resource) when { context has path && context.path like "a*" };')
  const before = process.memoryUsage().heapUsed
  for (let at = 0; at < 3000; at++)
    assert.equal(set.decide(killing({ path: `a${at}${'x'.repeat(7000)}` })).allowed, true)
  for (let at = 0; at < 20; at++)
    assert.equal(set.decide(killing({ path: `a${at}${'x'.repeat(8_000)}` })).allowed, true)
  assert.ok(process.memoryUsage().heapUsed - before < 60_000_000)
})

test('more sets than the engine keeps ready decide in turn', () => {
  const sets = Array.from({ length: 600 }, (_, version) => restored(PERMIT, version))
  for (const set of [...sets, ...sets]) assert.equal(set.decide(killing({ hour: 7 })).allowed, true)
  assert.equal(sets[3]!.decide(killing({ hour: 9 })).policies[0], 'acme@3:#1')
})
