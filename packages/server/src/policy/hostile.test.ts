import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { adminCalls } from '../testing/admin-calls.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'

const ALL = 'permit (principal, action, resource);'
const INVOICE = { tenant: 'acme', agent: 'invoice' }
const kept = (more: string) => `${ALL}\n@id("x") ${more}`

describe('policies that go wrong', () => {
  let server: HttpHarness
  let admin: string
  let ofAcme: string
  const { ok, refused, call } = adminCalls(
    () => server,
    () => admin,
  )

  before(async () => {
    server = await openHttp()
    admin = await server.apiKey('admin')
    await server.agent(INVOICE)
    await server.agent({ tenant: 'acme', agent: 'payroll' })
    await server.agent({ tenant: 'globex', agent: 'invoice' })
    ofAcme = await server.apiKey('admin', { tenant: 'acme' })
  })
  afterEach(async () => {
    for (const tenant of [undefined, 'acme'])
      while ((await call('POST /v1/policies/rollback', { tenant })).body?.active) await server.policies.look()
  })
  after(() => server.close())

  const save = async (policies: string, more: object = {}) => {
    server.clock.advance(60)
    return (await ok('POST /v1/policies', 201, { policies, ...more })).version
  }
  const activate = async (policies: string, tenant?: string) => {
    const version = await save(policies, { tenant })
    await ok(`POST /v1/policies/${version}/activate`, 200, { tenant })
    return version
  }

  test('one that cannot be evaluated denies, though others permit, and is told', async () => {
    // Cedar itself leaves such a policy out, and would allow.
    for (const [index, more] of [
      'forbid (principal, action == Lanyard::Action::"getAgent", resource) when { context has hour && context.hour + 1 + 9223372036854775807 > 0 };',
      'permit (principal, action == Lanyard::Action::"getAgent", resource) when { context has hour && (-2 - context.hour) - 9223372036854775807 == 0 };',
      'forbid (principal, action == Lanyard::Action::"getAgent", resource) when { context has hour && (context.hour + 2) * 9223372036854775807 == 7 };',
    ].entries()) {
      const version = await activate(kept(more))
      const problem = await refused('policy_failed', 'GET /v1/agents/acme/invoice')
      assert.ok(!problem.detail.includes('overflow'), 'what failed is for those who read events')
      server.clock.advance(61)
      await refused('policy_failed', 'GET /v1/agents/acme/invoice')
      const [told] = (await ok('GET /v1/events?type=policy.failed', 200)).items
      assert.match(told.detail.errors[0], new RegExp(`^\\*@${version}:x: `), String(index))
      assert.deepEqual([told.tenant, told.agent], ['acme', 'invoice'])
      await ok('GET /v1/tenants', 200)
    }
  })

  test('what is not known of somebody is no attribute that could be guessed', async () => {
    await activate(
      kept(
        'forbid (principal, action == Lanyard::Action::"listServices", resource) when { resource is Lanyard::Agent && resource.tenant == "globex" };',
      ),
    )
    const of = (agent: string) =>
      `GET /v1/services?spiffe_id=${encodeURIComponent(`spiffe://example.test/tenant/${agent}`)}`
    await refused('policy_denied', of('globex/agent/invoice'))
    // To a caller of acme an agent of globex and one that is not there are the same.
    const answers = [of('globex/agent/invoice'), of('globex/agent/nobody'), of('acme/agent/nobody')].map(line =>
      call(line, undefined, { token: ofAcme }),
    )
    for (const answer of await Promise.all(answers)) assert.deepEqual([answer.status, answer.body.items], [200, []])
  })

  test('the policies of a tenant are never asked of a stranger, nor told to one', async () => {
    await activate('permit (principal in Lanyard::Tenant::"acme", action, resource);', 'acme')
    const token = await server.apiKey('admin', { tenant: 'globex' })
    for (const line of ['GET /v1/agents/acme/invoice', 'GET /v1/agents/acme/nobody', 'GET /v1/agents?tenant=acme'])
      await refused('tenant_mismatch', line, undefined, { token })
    await refused('tenant_mismatch', 'GET /v1/agents/nobody/nobody', undefined, { token })
  })

  test('names that are none are refused as such, whatever the policies', async () => {
    await activate(
      kept('forbid (principal, action, resource) when { resource is Lanyard::Agent && resource.name == "x" };'),
    )
    for (const line of ['GET /v1/agents/acme/UPPER', 'GET /v1/agents/a%20b/invoice', 'GET /v1/agents/acme/%22%3B'])
      await refused('name_invalid', line)
    await refused('name_invalid', 'POST /v1/agents', { tenant: 'acme', agent: '../x' })
    await refused('entry_unknown', 'GET /v1/entries/%27%20or%201=1')
    await refused('not_found', 'GET /v1/nodes/nobody')
  })

  test('great ones are refused before they cost anything, and great ones that fit decide in time', async () => {
    for (const policies of [
      `${ALL} `.repeat(1000),
      kept(`forbid (principal, action, resource) when { ${'('.repeat(5000)}true${')'.repeat(5000)} };`),
      kept(`forbid (principal, action, resource) when { ${'!'.repeat(5001)}true };`),
      kept(`forbid (principal, action, resource) when { ${'[1].contains(1) && '.repeat(2000)}true };`),
      kept(`forbid (principal, action, resource) when { "${'a'.repeat(1000)}" like "${'a*'.repeat(10_000)}b" };`),
    ]) {
      server.clock.advance(60)
      const answer = await call('POST /v1/policies', { policies })
      assert.ok(answer.status === 201 || answer.body.code === 'policy_invalid', answer.text.slice(0, 300))
    }
    const many = Array.from(
      { length: 150 },
      (_, number) =>
        `@id("p${number}") forbid (principal, action == Lanyard::Action::"getAgent", resource == Lanyard::Agent::"spiffe://example.test/${number}");`,
    )
    await activate(`${ALL}\n${many.join('\n')}`)
    await ok('GET /v1/agents/acme/invoice', 200)
    await ok('GET /v1/tenants', 200)
  })

  test('entities that fill a set decide nothing they are not asked about', async () => {
    const schema = 'entity Team in [Team]; namespace App { entity Person in [Team]; }'
    const teams = (parent: (number: number) => number) =>
      Array.from({ length: 400 }, (_, number) => ({
        uid: { type: 'Team', id: `${number}` },
        attrs: {},
        parents: number === 0 ? [] : [{ type: 'Team', id: `${parent(number)}` }],
      }))
    const chain = teams(number => number - 1)
    await refused('policy_invalid', 'POST /v1/policies', { policies: ALL, schema, entities: chain })
    const entities = teams(() => 0)
    const twice = { ...entities[1], parents: [] }
    await refused('policy_invalid', 'POST /v1/policies', {
      policies: ALL,
      schema,
      entities: [...entities, twice],
    })
    const version = await save(ALL, { schema, entities })
    await ok(`POST /v1/policies/${version}/activate`, 200, {})
    await ok('GET /v1/agents/acme/invoice', 200)
    const loop = [
      { uid: { type: 'Team', id: 'a' }, attrs: {}, parents: [{ type: 'Team', id: 'b' }] },
      { uid: { type: 'Team', id: 'b' }, attrs: {}, parents: [{ type: 'Team', id: 'a' }] },
    ]
    server.clock.advance(60)
    await refused('policy_invalid', 'POST /v1/policies', { policies: ALL, schema, entities: loop })
  })

  test('agents are held by them in what they do for themselves', async () => {
    await activate(
      kept(
        'forbid (principal, action in Lanyard::Action::"service.announce", resource) when { principal is Lanyard::Agent && principal.name == "payroll" };',
      ),
      'acme',
    )
    const announce = async (agent: string) =>
      await server.call('POST /v1/services', {
        tls: await server.certificate({ tenant: 'acme', agent }),
        body: { url: 'https://x.test' },
      })
    assert.equal((await announce('invoice')).status, 200)
    assert.equal((await announce('payroll')).body.code, 'policy_denied')
  })
})
