import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { adminCalls } from '../testing/admin-calls.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'

// The Todo scenario of the OpenID AuthZEN working group, as its participants publish their results for it:
// github.com/openid/authzen, interop/authzen-todo-backend, decisions-1.0-implementers-draft.json.
const PERSONS = [
  ['CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', 'rick@the-citadel.com', ['admin', 'evil_genius']],
  ['CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', 'morty@the-citadel.com', ['editor']],
  ['CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', 'summer@the-smiths.com', ['editor']],
  ['CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', 'beth@the-smiths.com', ['viewer']],
  ['CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', 'jerry@the-smiths.com', ['viewer']],
] as const
const [RICK, MORTY, SUMMER, BETH, JERRY] = PERSONS.map(([, email]) => email) as [string, string, string, string, string]

const todo = (ownerID?: string) => ({
  type: 'todo',
  ...(ownerID === undefined
    ? { id: 'todo-1' }
    : { id: '7240d0db-8ff0-41ec-98b2-34a096273b9f', properties: { ownerID } }),
})
const user = (id: string) => ({ type: 'user', id })

/** Action, resource, and the published decisions for the five, in turn. */
const PUBLISHED: readonly (readonly [string, (self: string) => object, string])[] = [
  ['can_read_user', () => user(BETH), '+++++'],
  ['can_read_user', self => user(self), '+++++'],
  ['can_read_todos', () => todo(), '+++++'],
  ['can_create_todo', () => todo(), '+++--'],
  ['can_update_todo', () => todo(RICK), '+----'],
  ['can_update_todo', self => todo(self === RICK ? MORTY : self), '+++--'],
  ['can_delete_todo', () => todo(RICK), '+----'],
  ['can_delete_todo', self => todo(self === RICK ? MORTY : self), '+++--'],
]

const SCHEMA = `
entity role;
entity user in [role] { email?: String };
entity todo { ownerID?: String };
action can_read_user appliesTo { principal: user, resource: user };
action can_read_todos, can_create_todo, can_update_todo, can_delete_todo appliesTo { principal: user, resource: todo };`

const POLICIES = `
@id("viewers") permit (principal in role::"viewer", action in [Action::"can_read_user", Action::"can_read_todos"], resource);
@id("editors") permit (principal in role::"editor", action == Action::"can_create_todo", resource);
@id("owners") permit (principal in role::"editor", action in [Action::"can_update_todo", Action::"can_delete_todo"], resource)
  when { principal has email && resource has ownerID && principal.email == resource.ownerID };
@id("admins") permit (principal in role::"admin", action == Action::"can_delete_todo", resource);
@id("geniuses") permit (principal in role::"evil_genius", action == Action::"can_update_todo", resource);
// And what is ours goes on.
permit (principal, action in [Lanyard::Action::"policy.manage", Lanyard::Action::"policy.evaluate", Lanyard::Action::"event.read"], resource);
permit (principal, action == Lanyard::Action::"message.send", resource) when { resource is Lanyard::Agent && resource.name == "invoice" };`

const role = (id: string, ...parents: string[]) => ({
  uid: { type: 'role', id },
  attrs: {},
  parents: parents.map(parent => ({ type: 'role', id: parent })),
})
const ENTITIES = [
  ...[role('viewer'), role('editor', 'viewer'), role('admin', 'editor'), role('evil_genius', 'editor')],
  ...PERSONS.map(([id, email, roles]) => ({
    uid: { type: 'user', id },
    attrs: { email },
    parents: roles.map(name => ({ type: 'role', id: name })),
  })),
]
const SCHEMA_OF_ROLES = SCHEMA.replace('entity role;', 'entity role in [role];')
const ONE = 'POST /access/v1/evaluation'
const MANY = 'POST /access/v1/evaluations'

describe('AuthZEN', () => {
  let server: HttpHarness
  let admin: string
  const { call, ok, refused } = adminCalls(
    () => server,
    () => admin,
  )

  before(async () => {
    server = await openHttp()
    admin = await server.apiKey('admin')
    await server.agent({ tenant: 'acme', agent: 'invoice' })
    await server.agent({ tenant: 'globex', agent: 'invoice' })
  })
  after(() => server.close())

  const questions = PERSONS.flatMap(([id, email], person) =>
    PUBLISHED.map(([name, resource, decisions]) => ({
      request: { subject: user(id), action: { name }, resource: resource(email) },
      expected: decisions[person] === '+',
    })),
  )

  test('denies everything while nobody has said anything', async () => {
    const { decision, context } = await ok(ONE, 200, questions[0]!.request)
    assert.equal(decision, false)
    assert.equal(context.errors.length, 1)
  })

  test('answers the published questions as published', async () => {
    const set = { policies: POLICIES, schema: SCHEMA_OF_ROLES, entities: ENTITIES }
    const { version } = await ok('POST /v1/policies', 201, set)
    await ok(`POST /v1/policies/${version}/activate`, 200, {})
    assert.equal(questions.length, 40)
    for (const { request, expected } of questions) {
      const answer = await ok(ONE, 200, request)
      assert.equal(answer.decision, expected, JSON.stringify(request))
      assert.equal(answer.context.errors, undefined, JSON.stringify([request, answer]))
      assert.equal(answer.context.reason.length > 0, expected)
    }
    const all = await ok(MANY, 200, { evaluations: questions.map(({ request }) => request) })
    assert.deepEqual(
      all.evaluations.map(({ decision }: { decision: boolean }) => decision),
      questions.map(({ expected }) => expected),
    )
  })

  test('gives evaluations what the request says for all of them, and ends where it is told to', async () => {
    const shared = { subject: user(PERSONS[1][0]), action: { name: 'can_update_todo' } }
    const evaluations = [MORTY, SUMMER, JERRY, MORTY].map(owner => ({ resource: todo(owner) }))
    const decided = async (more: object = {}) =>
      (await ok(MANY, 200, { ...shared, evaluations, ...more })).evaluations.map(
        ({ decision }: { decision: boolean }) => decision,
      )
    assert.deepEqual(await decided(), [true, false, false, true])
    const semantic = (evaluations_semantic: string) => ({ options: { evaluations_semantic, other: 1 } })
    assert.deepEqual(await decided(semantic('execute_all')), [true, false, false, true])
    assert.deepEqual(await decided(semantic('deny_on_first_deny')), [true, false])
    assert.deepEqual(await decided(semantic('permit_on_first_permit')), [true])
    // One of them speaks of somebody else.
    const [first] = evaluations
    assert.deepEqual(await decided({ evaluations: [first, { ...first, subject: user(PERSONS[3][0]) }] }), [true, false])
    const single = { ...shared, resource: todo(MORTY) }
    assert.equal((await ok(MANY, 200, single)).decision, true)
    assert.equal((await ok(MANY, 200, { ...single, evaluations: [] })).decision, true)
    await refused('body_invalid', MANY, shared)
    await refused('body_invalid', MANY, { ...shared, evaluations: [first, {}, { resource: { type: 'todo' } }] })
    await refused('body_invalid', MANY, { ...shared, ...semantic('sometimes'), evaluations })
    await refused('body_invalid', MANY, { ...shared, evaluations: Array.from({ length: 101 }, () => first) })
  })

  test('answers about our own agents by what is stored of them, not by what is said', async () => {
    const send = (agent: string, more: object = {}) => ({
      subject: { type: 'Agent', id: 'spiffe://example.test/tenant/acme/agent/invoice' },
      action: { name: 'message.send' },
      resource: { type: 'Lanyard::Agent', id: `spiffe://example.test/tenant/${agent}`, ...more },
    })
    assert.equal((await ok(ONE, 200, send('acme/agent/invoice'))).decision, true)
    const claimed = { properties: { name: 'invoice', tenant: 'acme' } }
    for (const body of [send('acme/agent/nobody'), send('acme/agent/nobody', claimed)]) {
      const { decision, context } = await ok(ONE, 200, body)
      assert.deepEqual([decision, context.errors.length > 0], [false, true])
    }
    // Of the tenant that is named nobody else's agents are known.
    const headers = { 'x-lanyard-tenant-id': 'acme' }
    assert.equal((await ok(ONE, 200, send('acme/agent/invoice'), { headers })).decision, true)
    assert.equal((await ok(ONE, 200, send('globex/agent/invoice'), { headers })).decision, false)
    assert.equal((await ok(ONE, 200, send('globex/agent/invoice'))).decision, true)
    const failed = (await ok('GET /v1/events?type=policy.failed', 200)).items
    assert.equal(failed.length, 1, 'one event for one action, however many things were asked about')
  })

  test('tells once of actions that nobody declares, however many are asked about', async () => {
    const told = async () => (await ok('GET /v1/events?type=policy.failed&limit=500', 200)).items.length
    const before = await told()
    const [{ request }] = questions as [(typeof questions)[number]]
    const evaluations = Array.from({ length: 100 }, (_, at) => ({ action: { name: `made-up-${at}` } }))
    const answer = await ok('POST /access/v1/evaluations', 200, { ...request, evaluations })
    assert.ok(answer.evaluations.every(({ decision }: { decision: boolean }) => !decision))
    assert.equal((await told()) - before, 1)
  })

  test('counts each of many questions against the limit of who asks', async () => {
    const [{ request }] = questions as [(typeof questions)[number]]
    const token = await server.apiKey('operator', { rateLimit: 10 })
    const ask = (many: number) =>
      server.call(MANY, { token, body: { ...request, evaluations: Array.from({ length: many }, () => ({})) } })
    assert.equal((await ask(60)).status, 200)
    assert.equal((await ask(40)).status, 200)
    assert.equal((await ask(1)).body.code, 'rate_limited')
    server.clock.advance(60)
    assert.equal((await ask(90)).status, 200)
    assert.equal((await ask(11)).body.code, 'rate_limited')
  })

  test('lets nobody ask within a tenant that is not theirs, nor without the permission', async () => {
    const [{ request }] = questions as [(typeof questions)[number]]
    const token = await server.apiKey('operator', { tenant: 'acme' })
    await ok(ONE, 200, request, { token })
    await refused('tenant_mismatch', ONE, request, { token, headers: { 'x-lanyard-tenant-id': 'globex' } })
    await refused('name_invalid', ONE, request, { headers: { 'x-lanyard-tenant-id': 'Acme' } })
    await refused('permission_missing', ONE, request, { token: await server.apiKey('auditor') })
  })

  test('what is not whole is refused, and what is no value of Cedar is a denial', async () => {
    const [{ request }] = questions as [(typeof questions)[number]]
    for (const body of [
      {},
      { ...request, subject: { type: 'user' } },
      { ...request, subject: { type: 'user', id: 7 } },
      { ...request, action: {} },
      { ...request, resource: { type: 'todo', id: 'x\0' } },
      { ...request, context: [] },
    ])
      await refused('body_invalid', ONE, body)
    for (const body of [
      { ...request, subject: { type: 'no such type', id: 'x' } },
      { ...request, subject: { type: 'admin::user', id: 'x' } },
      { ...request, action: { name: 'can_do_anything' } },
      { ...request, action: { name: '"; permit' } },
      { ...request, context: { half: 0.5 } },
      { ...request, context: { unknown: true } },
      { ...request, resource: { type: 'todo', id: 'x', properties: { ownerID: 7 } } },
      { ...request, subject: { ...request.subject, properties: { email: RICK } } },
      { ...request, resource: { type: 'Agent', id: 'x' } },
    ]) {
      const { decision, context } = await ok(ONE, 200, body)
      assert.deepEqual([decision, context.errors?.length > 0], [false, true], JSON.stringify(body))
    }
  })

  test('replies under the name that a request was given', async () => {
    const asked = { subject: user(RICK), action: { name: 'can_read_todos' }, resource: todo() }
    const named = async (given: string | string[], what = ONE, body: object | undefined = asked) => {
      const { headers, body: reply } = await call(what, body, { headers: { 'X-Request-ID': given } })
      return [headers['x-request-id'] === given, reply?.request_id === given]
    }
    for (const given of ['bfe9eb29-ab87-4ca3-be83-a1d5d8305716', '!~', 'x'.repeat(128)])
      assert.deepEqual(await named(given), [true, false], given)
    // Of refusals too; what the log calls them stands in the problem.
    assert.deepEqual(await named('r1', ONE, {}), [true, false])
    assert.deepEqual(await named('r1', MANY, asked), [true, false])
    assert.deepEqual(await named('r1', 'GET /access/v1/nothing', undefined), [true, false])
    for (const given of ['x'.repeat(129), 'a b', '\u00e9', ['a', 'b'], ['a', 'a']])
      assert.deepEqual(await named(given), [false, false], String(given))
    assert.deepEqual(await named('r1', 'GET /v1/whoami', undefined), [false, false])
  })

  test('says where it answers, and repeats no name that is not its own', async () => {
    const path = 'GET /.well-known/authzen-configuration'
    const at = async (host: string) => (await server.call(path, { headers: { host } })).body
    const base = `https://localhost:${server.port}`
    assert.deepEqual(await at(`localhost:${server.port}`), {
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
      access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    })
    assert.equal((await at('[::1]:8443')).policy_decision_point, 'https://[::1]:8443')
    for (const host of ['evil.test', 'localhost@evil.test', 'localhost:8443/x', 'x"y'])
      assert.equal((await at(host)).policy_decision_point, 'https://localhost')
  })

  test('lets nobody do anything whom a kill has taken, whatever policies say', async () => {
    const { version } = await ok('POST /v1/policies', 201, { policies: 'permit (principal, action, resource);' })
    await ok(`POST /v1/policies/${version}/activate`, 200, {})
    await server.agent({ tenant: 'initech', agent: 'courier' })
    const agent = { type: 'Agent', id: 'spiffe://example.test/tenant/initech/agent/courier' }
    const key = await ok('POST /v1/api-keys', 201, { name: 'short', role: 'auditor' })
    const may = async (subject: object, action: string) => {
      const resource = { type: 'Lanyard::Agent', id: 'spiffe://example.test/tenant/acme/agent/invoice' }
      const { decision, context } = await ok(ONE, 200, { subject, action: { name: action }, resource })
      return decision === true || context.errors?.[0]?.split(':')[0]
    }
    const sends = () => may(agent, 'message.send')
    assert.equal(await sends(), true)
    await ok('PATCH /v1/agents/initech/courier', 200, { lifecycle: 'quarantined' })
    assert.equal(await sends(), 'agent_quarantined')
    const many = { subject: agent, action: { name: 'message.send' }, evaluations: [{ resource: agent }] }
    assert.equal((await ok(MANY, 200, many)).evaluations[0].decision, false)
    await ok('POST /v1/agents/initech/courier/reinstate', 200)
    assert.equal(await sends(), true)
    await ok('POST /v1/tenants/initech/kill', 202, { reason: 'tried' })
    assert.equal(await sends(), 'tenant_killed')
    await ok('POST /v1/tenants/initech/reinstate', 200, { reason: 'tried' })
    await ok('DELETE /v1/agents/initech/courier', 204)
    assert.equal(await sends(), 'agent_retired')

    const reads = (type: string, id: string) => may({ type, id }, 'event.read')
    assert.equal(await reads('ApiKey', key.id), true)
    await ok(`DELETE /v1/api-keys/${key.id}`, 204)
    assert.equal(await reads('ApiKey', key.id), 'unauthenticated')
    const person = 'ab'.repeat(16)
    await ok('POST /v1/kill', 202, { minted_by: `principal:${person}`, reason: 'tried' })
    assert.equal(await reads('User', person), 'principal_barred')
  })
})
