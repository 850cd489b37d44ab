import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { FakeAuthority } from '../../testing/fake-authority.ts'
import { lanyard } from '../../testing/fake-io.ts'

const PERMIT = '@id("all") permit (principal, action, resource);\n'
const NIGHT =
  '@id("night") forbid (principal, action in Lanyard::Action::"agent.kill", resource) when { context has hour && context.hour < 6 };\n'
const CASES = `given:
  principal: ApiKey::"ci"
  action: killAgent
  resource: Agent::"spiffe://td/acme/a"
cases:
  - name: by day
    context: { hour: 12 }
    expect: allow
  - name: by night
    context: { hour: 3 }
    expect: deny
    by: [night]
`
const VERSION = {
  tenant: 'acme',
  version: 3,
  policies: PERMIT,
  schema: '',
  entities: [],
  comment: 'first',
  state: 'saved',
  created_by: 'api-key:k1',
  created_at: '2026-11-21T06:00:00Z',
  activated_at: null,
}
const AGENT = {
  tenant: 'acme',
  agent: 'invoice',
  spiffe_id: 'spiffe://td/acme/invoice',
  tier: 'gold',
  lifecycle: 'active',
}
const DENIED = { decision: 'deny', policies: ['acme@3:night'], errors: [] }
const ALLOWED = { decision: 'allow', policies: ['acme@4:all'], errors: [] }

const folder = mkdtempSync(join(tmpdir(), 'lanyard-policy-'))
const file = (name: string, text: string) => writeFileSync(join(folder, name), text)
let authority: FakeAuthority

before(async () => {
  authority = await FakeAuthority.start()
  Object.assign(authority.answers, {
    'POST /v1/policies': { status: 201, body: VERSION },
    'GET /v1/policies': { body: { items: [VERSION], next_cursor: null } },
    'POST /v1/policies/3/activate': { body: { ...VERSION, state: 'active', activated_at: '2026-11-21T06:01:00Z' } },
    'POST /v1/policies/rollback': { body: { active: null } },
    'POST /v1/policies/3/shadow': { body: { ...VERSION, state: 'shadow' } },
    'GET /v1/policies/shadow': {
      body: {
        version: 4,
        since: '2026-11-21T06:00:00Z',
        asked: 10,
        differing: 1,
        examples: [
          {
            at: '2026-11-21T06:00:01Z',
            principal: 'Lanyard::ApiKey::"k"',
            action: 'killAgent',
            resource: 'x',
            active: DENIED,
            shadow: ALLOWED,
          },
        ],
      },
    },
    'POST /v1/policies/explain': { body: { ...DENIED, sets: [{ tenant: 'acme', version: 3, ...DENIED }] } },
    'GET /v1/agents/acme/invoice': { body: AGENT },
  })
})
beforeEach(() => {
  authority.heard.length = 0
  file('acme.cedar', PERMIT + NIGHT)
  file('acme.cases.yaml', CASES)
})
after(() => {
  authority.stop()
  rmSync(folder, { recursive: true })
})

const run = (...args: string[]) => lanyard(args, { cwd: folder, env: authority.env() })
const type = (line: string) => run(...line.split(' '))
const heard = () => authority.heard.at(-1)!

test('policies that hold are checked without an authority', async () => {
  const { exit, out, err } = await lanyard(['policy', 'check', 'acme.cedar'], { cwd: folder })
  assert.equal(exit, 0, err)
  assert.match(out, /✓ acme\.cedar {2}2 policies/)
})

test('each problem says file, line and column', async () => {
  file('bad.cedar', `${PERMIT}@id("b")\npermit (principal, action, resource) when { context.hour < 3 };\n`)
  const { exit, err } = await type('policy check bad.cedar')
  assert.equal(exit, 1)
  assert.match(err, /policy_invalid/)
  assert.match(err, /bad\.cedar:3:\d+: b: /)
  const json = JSON.parse((await type('policy check bad.cedar --json')).out)
  assert.equal(json.errors?.[0].path.startsWith('bad.cedar:3:'), true)
})

test('schema and entities beside the policies are taken along, or those that are named', async () => {
  file('todo.cedar', 'permit (principal in Todo::Team::"a", action == Todo::Action::"read", resource);')
  file(
    'todo.cedarschema',
    'namespace Todo { entity Team; entity User in [Team]; action read appliesTo { principal: User, resource: User }; }',
  )
  file(
    'todo.entities.json',
    '[{"uid":{"type":"Todo::User","id":"u"},"attrs":{},"parents":[{"type":"Todo::Team","id":"a"}]}]',
  )
  assert.equal((await type('policy check todo.cedar')).exit, 0)
  file('wrong.json', '{}')
  const wrong = await type('policy check todo.cedar --entities wrong.json')
  assert.equal(wrong.exit, 2)
  assert.match(wrong.err, /expected a JSON array of entities in wrong\.json/)
  assert.equal((await type('policy check todo.cedar --schema missing')).exit, 2)
})

test('cases that hold end with 0, one that does not with 1', async () => {
  const good = await type('policy test acme.cases.yaml')
  assert.equal(good.exit, 0, good.err)
  assert.match(good.out, /✓ by day\n {2}✓ by night\n2 of 2 hold/)
  file('acme.cedar', PERMIT)
  const bad = await type('policy test .')
  assert.equal(bad.exit, 1)
  assert.match(bad.out, /✖ by night\n {6}expected deny, got allow by all\n1 of 2 hold/)
  const { passed, failed, files } = JSON.parse((await type('policy test acme.cases.yaml --json')).out)
  assert.deepEqual([passed, failed, files[0].cases[1].failure], [1, 1, 'expected deny, got allow by all'])
})

const BAD_CASES: readonly (readonly [RegExp, string])[] = [
  [/unknown member "exspect"/, CASES.replaceAll('expect:', 'exspect:')],
  [/Map keys must be unique/, `${CASES}cases: []\n`],
  [/expected names and values/, '- 1\n'],
  [/policies: expected a path/, `policies: 3\n${CASES}`],
  [/alias/i, 'cases: *a\n'],
]
for (const [said, text] of BAD_CASES) {
  test(`a file of cases that is none is misuse: ${said}`, async () => {
    file('acme.cases.yaml', text)
    const { exit, err } = await type('policy test acme.cases.yaml')
    assert.equal(exit, 2, err)
    assert.match(err, said)
  })
}

test('what is saved is what stands in the files, once it was checked', async () => {
  const { exit, err } = await run('policy', 'save', 'acme.cedar', '--tenant', 'acme', '--comment', 'no kills at night')
  assert.equal(exit, 0, err)
  assert.deepEqual(heard().body, { policies: PERMIT + NIGHT, tenant: 'acme', comment: 'no kills at night' })
  file('acme.cedar', 'permit')
  authority.heard.length = 0
  assert.equal((await type('policy save acme.cedar')).exit, 1)
  assert.equal(authority.heard.length, 0)
})

test('versions are listed, shown, activated, rolled back', async () => {
  assert.match((await type('policy list --tenant acme')).out, /3 +saved .* api-key:k1 +first/)
  assert.match((await type('policy show 3 --tenant acme')).out, /permit \(principal/)
  assert.match((await type('policy show 9')).err, /policy_unknown/)
  assert.match((await type('policy activate 3 --tenant acme')).out, /state +active/)
  assert.deepEqual(heard().body, { tenant: 'acme' })
  assert.match((await type('policy rollback --tenant acme')).out, /no version decides for tenant acme any more/)
  assert.equal((await type('policy activate three')).exit, 2)
})

test('a denial is explained by the policies that made it, and ends with 1', async () => {
  const { exit, out, err } = await type(
    'policy explain api-key:k killAgent acme/invoice --tenant acme --context hour:=3 --context door=csr',
  )
  assert.equal(exit, 1, err)
  assert.match(out, /acme@3 {2}deny by acme@3:night\ndenied/)
  assert.deepEqual(heard().body, {
    principal: 'Lanyard::ApiKey::"k"',
    action: 'killAgent',
    resource: 'Lanyard::Agent::"spiffe://td/acme/invoice"',
    tenant: 'acme',
    context: { hour: 3, door: 'csr' },
  })
})

test('what is no entity, and no context, is misuse', async () => {
  for (const line of ['"x killAgent acme/a', 'robot:x killAgent acme/a', 'acme killAgent acme/a'])
    assert.equal((await type(`policy explain ${line}`)).exit, 2, line)
  for (const context of ['hour', '=3', 'hour:=x'])
    assert.equal((await type(`policy explain tenant:a killAgent tenant:b --context ${context}`)).exit, 2, context)
})

test('the tenant is that of the resource, and a number that was written as a text is pointed out', async () => {
  const { err } = await type('policy explain api-key:k killAgent acme/invoice --context hour=3')
  assert.equal((heard().body as { tenant?: string }).tenant, 'acme')
  assert.match(err, /write hour:=3 where it is none/)
})

test('an action that no version knows is said to be none', async () => {
  const before = authority.answers['POST /v1/policies/explain']
  authority.answers['POST /v1/policies/explain'] = {
    body: { decision: 'deny', policies: [], errors: [], sets: [] },
  }
  const { exit, out } = await type('policy explain api-key:k kilAgent acme/invoice')
  if (before) authority.answers['POST /v1/policies/explain'] = before
  assert.equal(exit, 1)
  assert.match(out, /no version knows kilAgent; did you mean killAgent\?/)
})

test('where no version decides, nothing is said to be allowed', async () => {
  const before = authority.answers['POST /v1/policies/explain']
  authority.answers['POST /v1/policies/explain'] = {
    body: { decision: 'allow', policies: [], errors: [], sets: [] },
  }
  const { exit, out } = await type('policy explain api-key:k killAgent acme/invoice')
  if (before) authority.answers['POST /v1/policies/explain'] = before
  assert.equal(exit, 0)
  assert.match(out, /policies do not object; roles were not asked: `lanyard access explain`\n?$/)
  assert.doesNotMatch(out, /allowed/)
})

test('policies that permit nothing are warned of', async () => {
  file('acme.cedar', NIGHT)
  const { exit, err } = await type('policy check acme.cedar')
  assert.equal(exit, 0)
  assert.match(err, /warning: acme\.cedar: no policy permits anything/)
})

test('the policies may be named in the place of their cases', async () => {
  assert.match((await type('policy test acme.cedar')).out, /hold/)
})

test('versions and files are compared by policy, and by what they answer', async () => {
  const { exit, out, err } = await type('policy diff 3 acme.cedar --tenant acme --cases acme.cases.yaml')
  assert.equal(exit, 0, err)
  assert.match(out, /^added night\n/)
  assert.match(out, /by night: allow before, deny after/)
  assert.match((await type('policy diff acme.cedar acme.cedar')).out, /no difference/)
})

test('the shadow begins, ends, and tells where it differs', async () => {
  assert.match((await type('policy shadow 3 --tenant acme')).out, /version 3 is shadow/)
  assert.deepEqual(heard().body, { tenant: 'acme', on: true })
  await type('policy shadow 3 --off')
  assert.deepEqual(heard().body, { on: false })
  const { out } = await type('policy shadow --tenant acme')
  assert.match(out, /1 of 10 answers differ/)
  assert.match(out, /active {2}deny by acme@3:night\n {2}shadow {2}allow by acme@4:all/)
  assert.equal((await type('policy shadow --off')).exit, 2)
})
