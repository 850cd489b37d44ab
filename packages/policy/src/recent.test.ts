import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toAsked } from './engine/values.ts'
import { asked } from './engine/wasm.ts'
import { type CompiledSet, type Question, restore } from './index.ts'
import { SCHEMA } from './schema/generate.ts'
import { killing, PERMIT, setOf, textOf } from './testing/questions.ts'

/** What policies may say of a value: comparisons that are told apart, others, and what breaks. */
const CONDITIONS = [
  ...['<', '<=', '>', '>=', '==', '!='].flatMap(order => [`context.hour ${order} 5`, `5 ${order} context.hour`]),
  '[4, 5].contains(context.hour)',
  '[4, "5"].contains(context.hour)',
  '[context.hour, 5].contains(context.ttl_sec)',
  'context.hour == "5"',
  'context.hour < "x"',
  'context.hour > context.ttl_sec',
  'context.hour * 1844674407370955161 < 7',
  '-1 < context.ttl_sec',
  '9007199254740993 > context.ttl_sec',
  'context.hour.isLoopback()',
  ...['10.0.0.0/8', '10.0.0.7', '10.1.2.3/20', '0.0.0.0/0', '::/0', '2001:db8::/33', '::1', 'bad', '10.0.0.0/08'].map(
    network => `context.source.isInRange(ip("${network}"))`,
  ),
  'ip("10.0.0.0/8").isInRange(context.source)',
  'context.source.isLoopback()',
  'context.source.isIpv4()',
  'context.source == ip("10.0.0.1")',
  ...['/a*', '*z', '/a*z', '/a*az', '/a', '*', '/\\*', '*b*'].map(pattern => `context.path like "${pattern}"`),
  '["/a", "/z"].contains(context.path)',
  'context.path == context.door',
  'context.path == "/a"',
  'context has hour.second',
  'context has path && resource has owner',
  'context.node == Lanyard::Node::"n1"',
  'context.node.tenant == "acme"',
  'context == {hour: 5}',
  '{a: context}.a.hour == 5',
  '{"==": context.hour}["=="] == 5',
  'if context.hour == 5 then context.ttl_sec == 4 else true',
  'resource.tier == "gold"',
  'principal.name like "o*"',
  'principal.name == resource.name',
  'resource.hasTag("env") && resource.getTag("env") == "lab"',
  'resource in Lanyard::Tenant::"globex"',
]

const STRANGE = [null, true, 5, '5', 4.5, '\ud800', [5], { a: 5 }, '64:ff9b::1.2.3.4']
/** What attributes may be: the usual first, then what lies at the edges of the conditions, and what no caller should send. */
const VALUES = {
  hour: [4, 3, 5, 6, undefined, ...STRANGE],
  ttl_sec: [300, undefined, -2, -1, 0, 4, Number.MAX_SAFE_INTEGER],
  source: [
    ...['10.0.0.1', '10.0.0.7', '10.0.0.6', '10.1.0.0', '10.1.15.255', '10.1.16.0', '10.0.255.255', '9.255.255.255'],
    ...[
      '11.0.0.0',
      '127.255.0.1',
      '128.0.0.1',
      '126.255.0.1',
      '0.0.0.0',
      '::ffff:10.0.0.7',
      '::ffff:a00:7',
      '::1',
      '::2',
    ],
    ...['::', '2001:db8::1', '2001:db8:7fff:ffff::', '2001:db8:8000::', '2001:db9::', undefined, ...STRANGE],
  ],
  path: ['csr', '/a', '/az', '/b', '/*', '', '/aaz', 'z', 'xaz', undefined, ...STRANGE],
  door: ['csr', '/a', undefined],
  node: [undefined, 'n1', 'n2'],
  tier: ['silver', 'gold', undefined, ...STRANGE],
  owner: [undefined, 'ops'],
  name: ['orders', 'ci'],
  labels: [{ env: 'prod' }, { env: 'lab' }, undefined, { '\ud800': 'x' }, { env: 5 }, ...STRANGE],
  tenant: ['acme', 'globex'],
  action: ['killAgent', 'getAgent', 'agent.kill'],
}
type Parts = Readonly<Record<keyof typeof VALUES, unknown>>
const USUAL = Object.fromEntries(Object.entries(VALUES).map(([name, [first]]) => [name, first])) as Parts
/** One attribute each, with a value of its. */
const CHANGES = Object.entries(VALUES).flatMap(([name, values]) => values.map(value => ({ [name]: value })))

function questionOf(changes: readonly Partial<Parts>[]): Question {
  const { action, tenant, name, tier, owner, labels, ...context } = Object.assign({}, USUAL, ...changes)
  const asking = killing(context, { action })
  const facts = { attributes: { tenant, name, tier, owner, labels }, parents: [{ type: 'Tenant', id: tenant }] }
  return { ...asking, entities: asking.entities.map(one => (one.type === 'Agent' ? { ...one, ...facts } : one)) }
}

const restored = (policies: string) => restore(textOf(policies)) as CompiledSet

asked(cedar => cedar.preparseSchema('the whole', SCHEMA))

/** What the engine says when it is given everything: each policy, the whole schema. */
function sayInFull(text: string): (question: Question) => object {
  asked(cedar => cedar.preparsePolicySet('all of them', { staticPolicies: text }))
  const failed = { allowed: false, policies: [], failed: true }
  return question => {
    try {
      const parts = { preparsedPolicySetId: 'all of them', preparsedSchemaName: 'the whole' }
      const call = { ...toAsked(question), ...parts, validateRequest: true }
      const answer = asked(cedar => cedar.statefulIsAuthorized(call))
      if (answer.type === 'failure') return failed
      const { decision, diagnostics } = answer.response
      const policies = diagnostics.reason.map(id => `acme@3:#${Number(id.slice('policy'.length)) + 1}`).toSorted()
      const allowed = decision === 'allow' && diagnostics.errors.length === 0
      return { allowed, policies, failed: diagnostics.errors.length > 0 }
    } catch {
      return failed
    }
  }
}

/** Asks a set one after the other, and gives how often it remembered. */
function askAlike(text: string, questions: readonly Question[]): number {
  const [set, inFull, made] = [restored(text), sayInFull(text), new Set()]
  for (const question of questions) {
    const decision = set.decide(question)
    made.add(decision)
    const { allowed, policies, errors } = decision
    assert.deepEqual({ allowed, policies, failed: errors.length > 0 }, inFull(question))
  }
  return questions.length - made.size
}

// What decisions are remembered by must not be less than what policies can see.
test('each comparison tells apart what the engine tells apart', () => {
  let remembered = 0
  for (const condition of CONDITIONS) {
    const text = `${PERMIT} permit (principal, action, resource) when { ${condition} };`
    const speaks = (name: string) => new RegExp(name === 'labels' ? 'Tag' : name, 'i').test(condition)
    const spoken = CHANGES.filter(change => speaks(Object.keys(change)[0]!))
    const asked = spoken.map(change => questionOf([change]))
    remembered += askAlike(text, asked)
  }
  assert.ok(remembered > 100)
})

const policy = fc.record({
  effect: fc.constantFrom('permit', 'forbid'),
  action: fc.constantFrom('', '== Lanyard::Action::"killAgent"', 'in Lanyard::Action::"agent.kill"', '== Action::"x"'),
  scope: fc.constantFrom('', 'is Lanyard::Agent', 'is Lanyard::Tenant'),
  conditions: fc.array(fc.constantFrom(...CONDITIONS), { maxLength: 2 }),
  guarded: fc.boolean(),
})
const policies = fc.array(policy, { minLength: 1, maxLength: 6 }).map(all =>
  [
    PERMIT,
    ...all.map(({ effect, action, scope, conditions, guarded }) => {
      const guard = guarded ? 'context has hour && context has source && context has path && ' : ''
      const when = conditions.map(condition => ` when { ${guard}(${condition}) }`).join('')
      return `${effect} (principal, action ${action}, resource ${scope})${when};`
    }),
  ].join('\n'),
)
const change = fc.oneof(
  { arbitrary: fc.constantFrom(...CHANGES), weight: 6 },
  { arbitrary: fc.oneof(fc.ipV4(), fc.ipV6()).map(source => ({ source })), weight: 1 },
)
const questions = fc.array(fc.array(change, { maxLength: 2 }).map(questionOf), { minLength: 2, maxLength: 20 })

test('what is decided, remembered or not, is what the engine says of all policies and the whole schema', () => {
  fc.assert(
    fc.property(policies, questions, (text, asked) => {
      askAlike(text, asked)
    }),
    { numRuns: 40 },
  )
})

test('questions that no comparison tells apart are decided once', () => {
  const set = setOf(`${PERMIT}
    forbid (principal, action, resource) when { context has lineage_age_sec && context.lineage_age_sec > 604800 };
    forbid (principal, action, resource) unless { context has source && context.source.isInRange(ip("10.0.0.0/8")) };
    forbid (principal, action, resource) when { context has path && context.path like "/admin/*" };`)
  const decide = (lineage_age_sec: number, source: string, path: string) =>
    set.decide(killing({ lineage_age_sec, source, path }))
  const first = decide(1, '10.0.0.1', '/a')
  assert.equal(first.allowed, true)
  assert.equal(decide(604800, '10.255.0.1', '/b'), first)
  assert.equal(decide(604800, '::ffff:10.2.3.4', '/admin'), first)
  for (const other of [
    decide(604801, '10.0.0.1', '/a'),
    decide(1, '11.0.0.1', '/a'),
    decide(1, '10.0.0.1', '/admin/x'),
  ])
    assert.equal(other.allowed, false)
})

test('more comparisons of one attribute than are worth it are left to the engine', () => {
  const rules = Array.from({ length: 120 }, (_, at) => `when { context has hour && context.hour == ${at} }`)
  const set = restored(`${PERMIT} ${rules.map(when => `forbid (principal, action, resource) ${when};`).join('\n')}`)
  assert.notEqual(set.decide(killing({ hour: 200 })), set.decide(killing({ hour: 201 })))
  assert.equal(set.decide(killing({ hour: 119 })).allowed, false)
})

test('a text that the schema of an application has read as more is told whole', () => {
  const schema = `namespace App {
    entity Person;
    entity Host { net: ipaddr, note?: String };
    action read appliesTo { principal: [Person], resource: [Host], context: { limit?: decimal } };
  }`
  const set = setOf(PERMIT, { schema })
  const reading = (net: string, limit: string, note: string): Question => ({
    principal: { type: 'App::Person', id: 'ada' },
    action: 'App::Action::"read"',
    resource: { type: 'App::Host', id: 'h' },
    context: { limit },
    entities: [{ type: 'App::Host', id: 'h', attributes: { net, note }, parents: [] }],
  })
  const first = set.decide(reading('10.0.0.1', '1.0', 'a'))
  assert.equal(first.allowed, true)
  assert.equal(set.decide(reading('10.0.0.1', '1.0', 'b')), first)
  assert.equal(set.decide(reading('nonsense', '1.0', 'a')).errors.length, 1)
  assert.equal(set.decide(reading('10.0.0.1', 'nonsense', 'a')).errors.length, 1)
})

test('what the engine refuses is no other question’s answer', () => {
  const schema = 'namespace App { entity Person in [Person] { name?: String, hobby?: { kind?: String } }; }'
  const stored = { uid: { type: 'App::Person', id: 'ann' }, attrs: { name: 'Ann' }, parents: [] }
  const set = setOf(PERMIT, { schema, entities: [stored] })
  const { entities: usual } = killing()
  const ask = (context: Record<string, unknown>, ...more: Question['entities']) => {
    const { allowed, errors } = set.decide(killing(context, { entities: [...usual, ...more] }))
    return allowed ? 'allowed' : errors.length
  }
  const person = (attributes: Record<string, unknown>, id = 'bob') =>
    ({ type: 'App::Person', id, attributes, parents: [] }) as const
  const half = { '\ud800': null }
  const [agent] = usual.slice(-1)
  assert.deepEqual([ask({}), ask(half), ask({ '\ud800': undefined })], ['allowed', 1, 1])
  assert.deepEqual([ask({}, person({})), ask({}, person(half))], ['allowed', 1])
  assert.deepEqual([ask({}, person({ hobby: {} })), ask({}, person({ hobby: half }))], ['allowed', 1])
  const labelled = (labels: object) => ({ ...agent!, id: 'other', attributes: { ...agent!.attributes, labels } })
  assert.deepEqual([ask({}, labelled({})), ask({}, labelled(half))], ['allowed', 1])
  // The engine takes an entity twice only where it is the same, and what is stored is given to it as well.
  assert.deepEqual([ask({}, person({}), person({})), ask({}, person({}), person({ name: 'x' }))], [1, 1])
  assert.deepEqual([ask({}, agent!), ask({}, { ...agent!, type: 'Lanyard::Agent' })], [1, 1])
  const about = (name: string) => [person({ name }, 'ann'), { ...person({}), parents: [{ ...person({}, 'ann') }] }]
  assert.deepEqual([ask({}, ...about('Ann')), ask({}, ...about('Eve'))], ['allowed', 1])
})
