import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { engine } from './engine/wasm.ts'
import { type CompiledSet, compile, PolicyProblems, placeOf, restore } from './index.ts'
import { killing, PERMIT, problemsOf, setOf, textOf } from './testing/questions.ts'

const when = (condition: string) => `permit (principal, action, resource) when { ${condition} };`

test('a problem says line and column, in characters, and the policy by its id', () => {
  const [problem] = (
    compile(
      textOf(
        `// größer\n${PERMIT}\n@id("owners")\npermit (principal, action, resource)\nwhen { resource.ownr == "é" };`,
      ),
    ) as PolicyProblems
  ).problems
  assert.deepEqual([problem?.where, problem?.line, problem?.column, problem?.policy], ['policies', 5, 8, 'owners'])
})

const NAMES = Array.from({ length: 11 }, (_, at) => `E${at}`).join(', ')

const REFUSED: readonly (readonly [string, string, string, string?])[] = [
  ['no token of Cedar', 'permit (principal, action, resource) when { é };', 'policies:1:45'],
  ['an unknown variable', when('foo'), 'policies:1:45'],
  ['an unknown attribute', when('resource.secret == "x"'), 'policies:1:'],
  ['an optional attribute without has', when('context.hour < 6'), 'policies:1:'],
  ['an unknown action', 'permit (principal, action == Lanyard::Action::"killAgnt", resource);', 'policies:1:'],
  ['an unknown type', 'permit (principal is Lanyard::Robot, action, resource);', 'policies:1:'],
  ['a comparison that is never true', when('context has hour && context.hour == "6"'), 'policies:1:'],
  ['a template', 'permit (principal == ?principal, action, resource);', 'policies: expected policies, got a template'],
  ['one id twice', `@id("a") ${PERMIT} @id("a") ${PERMIT}`, 'policies: two policies have the id a'],
  ['an id that is a sentence', `@id("no kills") ${PERMIT}`, 'policies: expected @id of letters'],
  ['too many policies', PERMIT.repeat(201), 'policies: expected at most 200'],
  ['a schema of our namespace', PERMIT, 'schema: the namespace Lanyard is taken', 'namespace Lanyard { entity X; }'],
  ['a schema with an unknown type', PERMIT, 'schema:', 'namespace T {\n entity X in [Y]; }'],
  [
    'a schema of too many types',
    PERMIT,
    'schema:1:',
    `entity ${Array.from({ length: 260 }, (_, at) => `E${at}`).join(', ')};`,
  ],
  [
    'a schema of too many declarations',
    PERMIT,
    'schema:1:',
    Array.from({ length: 101 }, (_, at) => `entity E${at};`).join(''),
  ],
  [
    'a schema of too many questions',
    PERMIT,
    'schema: expected actions of at most 1000',
    `entity ${NAMES}; action ${NAMES} appliesTo { principal: [${NAMES}], resource: [${NAMES}] };`,
  ],
  ['no schema', PERMIT, 'schema:1:', 'nonsense'],
  ['a type that shadows ours', when('principal is Agent'), 'schema: ', 'entity Agent;'],
]
for (const [what, policies, starts, schema = ''] of REFUSED) {
  test(`refused: ${what}`, () => {
    const [first] = problemsOf(policies, { schema })
    assert.equal(first?.slice(0, starts.length), starts, first ?? '')
  })
}

// Each of these ends the engine's stack, with everything that it had ready.
const DEEP = (n: number): readonly string[] => [
  when(`${'('.repeat(n)}true${')'.repeat(n)}`),
  when(`${'['.repeat(n)}1${']'.repeat(n)}.isEmpty()`),
  when(`${'{"a":'.repeat(n)}1${'}'.repeat(n)} has a`),
  when(`${'true && '.repeat(n)}true`),
  when(`${'1 + '.repeat(n)}1 == 1`),
  when(`principal${'.a'.repeat(n)} == 1`),
  when(`${'if true then true else '.repeat(n)}true`),
  when(`${'-'.repeat(n)}1 == 1`),
]
test('what would end the stack of the engine is refused before it', () => {
  for (const n of [200, 2000, 8000]) {
    for (const policies of DEEP(n)) assert.match(problemsOf(policies)[0]!, /expected (brackets|at most \d+ operators)/)
  }
  const schema = `namespace T { entity A = ${'{a: '.repeat(200)}Long${'}'.repeat(200)}; }`
  assert.match(problemsOf(PERMIT, { schema })[0]!, /^schema:1:\d+: expected brackets/)
})

test('brackets and operators in strings and comments are counted for nothing', () => {
  const text = '('.repeat(100) + '&&.+'.repeat(500)
  setOf(`// ${text}\n@note("${text}") ${when(`context has path && context.path like "${text}\\"${text}"`)}`)
})

// The engine ends a comment at a carriage return, and takes U+0085 for a blank.
const HIDDEN: readonly (readonly [string, string, string, string?])[] = [
  ['brackets behind a carriage return', `//\r${when(`${'('.repeat(200)}true${')'.repeat(200)}`)}`, 'policies:1:'],
  ['a named type behind a carriage return', PERMIT, 'schema:1:', 'type //\rA = Long;'],
  ['a named type behind U+0085', PERMIT, 'schema:1:5: expected ASCII', 'type\u0085A = Long;'],
  ['a named type behind a comment', PERMIT, 'schema:1:', 'type //\nA = Long;'],
  ['operators between U+2028', when(`true${'\u2028&&\u2028true'.repeat(200)}`), 'policies:1:49: expected ASCII'],
]
for (const [what, policies, starts, schema = ''] of HIDDEN) {
  test(`found: ${what}`, () => {
    const [first] = problemsOf(policies, { schema })
    assert.ok(first?.startsWith(starts), first ?? 'no problem')
  })
}

test('texts and patterns that take long to compare are refused before they are', () => {
  const pattern = (n: number) => `context has path && context.path like "a*${'b'.repeat(n)}"`
  const named = 'namespace T { entity E { s: String }; }'
  const entity = (n: number) => [{ uid: { type: 'T::E', id: 'e' }, attrs: { s: 'a'.repeat(n) }, parents: [] }]
  const set = setOf(`${when(pattern(1000))} ${when(pattern(1000))}`, { schema: named, entities: entity(8192) })
  assert.match(problemsOf(`${when(pattern(1000))} ${when(pattern(1100))}`)[0]!, /expected patterns of at most 2048/)
  assert.match(problemsOf(when(`"${'a'.repeat(8193)}" like "a"`))[0]!, /expected texts of at most 8192/)
  assert.match(problemsOf(PERMIT, { schema: named, entities: entity(8193) })[0]!, /^entities: a text is too long/)
  assert.deepEqual(set.decide(killing({ path: 'a'.repeat(8193) })).errors, ['a text is too long'])
})

test('what is wrong in one place is said once, for however many kinds of principal it is wrong', () => {
  const problems = problemsOf(`${when('resource.x == 1')} ${when('resource.x == 1 && principal.y == 2')}`)
  assert.equal(problems.length, 3, problems.join('\n'))
  assert.ok(!problems.join().includes('policy0'), 'the engine’s own names are nobody’s')
})

test('a schema may have attributes that are called type', () => {
  const named = 'namespace T { entity E { type: String, "type A =": Long }; } // type A = {}'
  setOf(PERMIT, { schema: named })
})

test('a closing bracket too many buys no opening ones', () => {
  assert.match(problemsOf(`${')'.repeat(500)}${'('.repeat(500)}`)[0]!, /expected brackets/)
})

test('a dozen policies keep their ids, whatever order the engine names them in', () => {
  const policies = Array.from(
    { length: 12 },
    (_, hour) => `${hour % 2 ? `@id("h${hour}") ` : ''}${when(`context has hour && context.hour == ${hour}`)}`,
  )
  const set = setOf(policies.join('\n'))
  for (let hour = 0; hour < 12; hour++) {
    const expected = hour % 2 ? `acme@3:h${hour}` : `acme@3:#${hour + 1}`
    assert.deepEqual(set.decide(killing({ hour })), { allowed: true, policies: [expected], errors: [] })
  }
})

const schema =
  'namespace Todo { entity Team; entity User in [Team] { name: String }; action read appliesTo { principal: User, resource: Lanyard::Agent }; }'

test('a schema adds types and actions, and entities of them', () => {
  const set = setOf('permit (principal in Todo::Team::"a", action == Todo::Action::"read", resource);', {
    schema,
    entities: [
      { uid: { type: 'Todo::User', id: 'u' }, attrs: { name: 'U' }, parents: [{ type: 'Todo::Team', id: 'a' }] },
      { uid: { type: 'Todo::User', id: 'v' }, attrs: { name: 'V' }, parents: [] },
    ],
  })
  const asks = (id: string) =>
    set.decide(killing({}, { principal: { type: 'Todo::User', id }, action: 'Todo::Action::"read"' })).allowed
  assert.deepEqual([asks('u'), asks('v'), asks('w')], [true, false, false])
  assert.deepEqual(
    [set.declares('Todo::Action::"read"'), set.declares('read'), set.declares('killAgent')],
    [true, false, true],
  )
  assert.equal(setOf(PERMIT).declares('Todo::Action::"read"'), false)
})

test('entities are of their own types, known to the schema, and not in each other without end', () => {
  const agent = { uid: { type: 'Lanyard::Agent', id: 'x' }, attrs: { tenant: 'acme', name: 'x' }, parents: [] }
  assert.match(problemsOf(PERMIT, { entities: [agent] })[0]!, /^entities: expected entities of your own types/)
  assert.match(
    problemsOf(PERMIT, { entities: [{ uid: { type: 'Todo::Robot', id: 'x' }, attrs: {}, parents: [] }] })[0]!,
    /^entities: /,
  )
  assert.match(problemsOf(PERMIT, { entities: ['x', null, 7] })[0]!, /^entities: /)
  let deep: unknown = 1
  for (let level = 0; level < 5000; level++) deep = [deep]
  assert.match(problemsOf(PERMIT, { entities: [{ deep }] })[0]!, /^entities: nested too deep/)
  const chain = Array.from({ length: 300 }, (_, at) => ({
    uid: { type: 'T::G', id: `${at}` },
    attrs: {},
    parents: at === 0 ? [] : [{ type: 'T::G', id: `${at - 1}` }],
  }))
  const own = 'namespace T { entity G in [G]; }'
  assert.match(problemsOf(PERMIT, { schema: own, entities: chain })[0]!, /flatter/)
})

test('a version that was checked is restored without its types being checked again', () => {
  const set = restore(textOf(when('resource.secret == "x"'))) as CompiledSet
  const { allowed, errors } = set.decide(killing())
  assert.deepEqual([allowed, errors.length], [false, 1])
  assert.ok(restore(textOf('nonsense')) instanceof PolicyProblems)
})

test('places are written as editors read them', () => {
  assert.equal(placeOf({ where: 'policies', line: 3, column: 4, policy: null, message: '' }), 'policies:3:4')
  assert.equal(placeOf({ where: 'schema', line: null, column: null, policy: null, message: '' }), 'schema')
})

const TOKENS =
  'permit forbid ( ) principal action resource when unless { } [ ] ; , . == != < && || ! - + * in is has like if then else true 1 9223372036854775808 "x" "*" @id ("a") Lanyard::Agent ::"x" ?principal context // \n \\ \ud800 \u0000 é ip("::1") .isEmpty() .contains("x") __cedar'.split(
    ' ',
  )

test('whatever is written, there is an answer, and the engine goes on', () => {
  const { generation } = engine()
  const nonsense = fc.array(fc.constantFrom(...TOKENS), { maxLength: 60 }).map(tokens => tokens.join(' '))
  const bodies = nonsense.map(text => `permit (principal, action, resource) when { ${text} };`)
  fc.assert(
    fc.property(fc.oneof(nonsense, bodies), nonsense, fc.boolean(), (policies, other, asSchema) => {
      const made = restore(textOf(policies, { schema: asSchema ? other : '' }))
      if (made instanceof PolicyProblems) return assert.ok(made.problems.length > 0)
      assert.equal(typeof made.decide(killing({ hour: 1 })).allowed, 'boolean')
    }),
    { numRuns: 1000 },
  )
  assert.equal(engine().generation, generation)
})
