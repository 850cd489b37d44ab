import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { PERMISSIONS, permissionsOf, type Route, routes } from '@lanyard/api'
import { adminCalls } from '../testing/admin-calls.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { People } from '../testing/people.ts'

let server: HttpHarness
let admin: string
const people = new People(
  () => server,
  () => admin,
)

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 }, parts: people.parts })
  admin = await server.apiKey('admin')
  for (const tenant of ['acme', 'globex']) await server.agent({ tenant, agent: 'a1' })
})
after(() => server.close())

const { call, ok, refused } = adminCalls(
  () => server,
  () => admin,
)
const lastEvent = async (type: string) => (await ok(`GET /v1/events?type=${type}&limit=1`, 200)).items[0]
const plain = { introspection: null, introspection_secret: undefined }
let numbers = 0
const fresh = (text: string) => `${text}-${++numbers}`

describe('roles', () => {
  test('are defined, changed for everyone who has them, and deleted', async () => {
    const role = fresh('dev')
    const made = await ok('POST /v1/access/roles', 201, {
      ...{ role, tenant: 'acme', description: 'd', permissions: ['agent.read', 'agent.kill', 'agent.read'] },
    })
    assert.deepEqual(made, {
      id: made.id,
      role,
      tenant: 'acme',
      description: 'd',
      permissions: ['agent.kill', 'agent.read'],
    })
    const key = await ok('POST /v1/api-keys', 201, { name: 'k', role, tenant: 'acme' })
    assert.equal(key.role, role)
    const may = async () => (await ok('GET /v1/whoami', 200, undefined, { token: key.key })).permissions
    assert.deepEqual(await may(), ['agent.kill', 'agent.read'])
    await ok(`PATCH /v1/access/roles/${made.id}`, 200, { permissions: ['cert.read'] })
    assert.deepEqual(await may(), ['cert.read'])
    assert.deepEqual((await lastEvent('role.updated')).detail.after.permissions, ['cert.read'])
    await refused('role_in_use', `DELETE /v1/access/roles/${made.id}`)
    await ok(`DELETE /v1/api-keys/${key.id}`, 204)
    await ok(`DELETE /v1/access/roles/${made.id}`, 204)
    await refused('role_unknown', `DELETE /v1/access/roles/${made.id}`)
    assert.equal((await lastEvent('role.deleted')).detail.role, role)
  })

  test('are listed with the built-in ones first', async () => {
    await ok('POST /v1/access/roles', 201, { role: fresh('a'), permissions: ['agent.read'], tenant: 'globex' })
    const { items } = await ok('GET /v1/access/roles?tenant=acme', 200)
    assert.deepEqual(
      items.slice(0, 4).map(({ role }: { role: string }) => role),
      ['admin', 'operator', 'auditor', 'issuer'],
    )
    assert.deepEqual(items[3].permissions, [...permissionsOf('issuer')])
    assert.ok(items.every(({ tenant }: { tenant: string | null }) => tenant !== 'globex'))
  })

  test('that are none are refused', async () => {
    const table: [string, string, object][] = [
      ['a name that is taken', 'role_exists', { role: 'admin', permissions: ['agent.read'] }],
      ['a name that is none', 'body_invalid', { role: 'Dev', permissions: ['agent.read'] }],
      ['a permission that is none', 'body_invalid', { role: 'dev', permissions: ['agent.fly'] }],
      ['no permission', 'body_invalid', { role: 'dev', permissions: [] }],
      ['what agents alone do', 'role_too_wide', { role: 'dev', permissions: ['cert.issue'] }],
      ['what nodes alone do', 'role_too_wide', { role: 'dev', permissions: ['node.serve'] }],
      ['a tenant that is none', 'tenant_unknown', { role: 'dev', permissions: ['agent.read'], tenant: 'nobody' }],
    ]
    for (const [, code, body] of table) await refused(code, 'POST /v1/access/roles', body)
    await refused('role_unknown', 'PATCH /v1/access/roles/x', { description: '' })
    await refused('role_unknown', 'POST /v1/access/bindings', { kind: 'certificate', value: 'dn:CN=x', role: 'nobody' })
  })
})

describe('bindings', () => {
  test('are made once, in one spelling', async () => {
    const body = {
      kind: 'certificate',
      value: 'dn: cn = ann , o=Acme',
      role: 'auditor',
      tenant: 'acme',
      agents: 'inv-*',
    }
    const made = await ok('POST /v1/access/bindings', 201, { ...body, expires_in_sec: 3600 })
    assert.equal(made.value, 'dn:CN=ann,O=Acme')
    assert.equal(Date.parse(made.expires_at), Math.floor(server.clock.now() / 1000 + 3600) * 1000)
    await refused('binding_exists', 'POST /v1/access/bindings', { ...body, value: 'dn:CN=ann,O=Acme' })
    await ok('POST /v1/access/bindings', 201, { ...body, agents: 'led-*' })
    const { items } = await ok('GET /v1/access/bindings?tenant=acme&role=auditor', 200)
    assert.ok(items.some(({ id }: { id: string }) => id === made.id))
    assert.equal((await lastEvent('binding.created')).tenant, 'acme')
    await ok(`DELETE /v1/access/bindings/${made.id}`, 204)
    await refused('not_found', `DELETE /v1/access/bindings/${made.id}`)
    assert.equal((await lastEvent('binding.deleted')).detail.id, made.id)
  })

  test('of nobody are refused', async () => {
    const give = (kind: string, value: string, more: object = {}) => ({ kind, value, role: 'auditor', ...more })
    const nobodys = 'f'.repeat(32)
    const table: [string, object][] = [
      ['body_invalid', give('certificate', 'CN=ann')],
      ['body_invalid', give('certificate', 'dn:ann')],
      ['body_invalid', give('certificate', 'dns:not a host')],
      ['body_invalid', give('spiffe-id', 'acme/a1')],
      ['body_invalid', give('spiffe-id', 'spiffe://other.test/a')],
      ['body_invalid', give('spiffe-id', 'spiffe://EXAMPLE.test/a')],
      ['body_invalid', give('user', 'x\0')],
      ['issuer_unknown', give('user', 'x')],
      ['issuer_unknown', give('group', 'x', { issuer: nobodys })],
      ['issuer_unknown', give('certificate', 'dn:CN=x', { issuer: nobodys })],
      ['tenant_unknown', give('certificate', 'dn:CN=x', { tenant: 'nobody' })],
      ['name_invalid', give('certificate', 'dn:CN=x', { tenant: 'Nobody' })],
    ]
    for (const [code, body] of table) await refused(code, 'POST /v1/access/bindings', body)
  })
})

describe('issuers', () => {
  test('are configured, changed and deleted, and tell no secret', async () => {
    const { id, provider } = await people.issuer('acme', { login: { client_id: 'cli', scopes: ['openid'] } })
    const { items } = await ok('GET /v1/access/issuers?tenant=acme', 200)
    const shown = items.find((item: { id: string }) => item.id === id)
    assert.deepEqual(
      [shown.issuer, shown.algorithms, shown.claims, shown.enabled],
      [provider.issuer, ['RS256', 'ES256'], { subject: 'sub', name: 'name', groups: 'groups' }, true],
    )
    await refused('issuer_exists', 'POST /v1/access/issuers', {
      ...{ issuer: provider.issuer, audiences: ['a'], tenant: 'acme' },
    })
    const other = await people.providers.make('https://other-introspection.test')
    await refused('issuer_exists', 'POST /v1/access/issuers', {
      ...{ issuer: other.issuer, audiences: ['a'], tenant: 'acme' },
      introspection: { url: `${other.issuer}/introspect`, client_id: 'x' },
    })
    await ok(`PATCH /v1/access/issuers/${id}`, 200, { introspection_secret: 'another one' })
    const changed = await ok(`PATCH /v1/access/issuers/${id}`, 200, { max_token_age_sec: 60, login: null })
    assert.deepEqual([changed.max_token_age_sec, changed.login], [60, null])
    assert.doesNotMatch(JSON.stringify(await ok('GET /v1/events?limit=20', 200)), /pssst|another one/)
    await people.bind({ kind: 'user', issuer: id, value: 'x' }, 'auditor', { tenant: 'acme' })
    await ok(`DELETE /v1/access/issuers/${id}`, 204)
    assert.equal((await lastEvent('binding.deleted')).detail.value, 'x')
    await refused('issuer_unknown', `DELETE /v1/access/issuers/${id}`)
  })

  test('that are none are refused', async () => {
    const table: [string, object][] = [
      ['body_invalid', { issuer: 'http://x.test', audiences: ['a'] }],
      ['body_invalid', { issuer: 'https://user@x.test', audiences: ['a'] }],
      ['body_invalid', { issuer: 'https://x.test', audiences: [] }],
      ['body_invalid', { issuer: 'https://x.test', audiences: ['a'], algorithms: ['HS256'] }],
      ['body_invalid', { issuer: 'https://x.test', audiences: ['a'], algorithms: ['none'] }],
      ['body_invalid', { issuer: 'https://x.test', audiences: ['a'], introspection_secret: 'x' }],
      ['idp_address_forbidden', { issuer: 'https://db.internal', audiences: ['a'] }],
      ['idp_address_forbidden', { issuer: 'https://x.test', jwks_uri: 'https://db.internal/k', audiences: ['a'] }],
    ]
    for (const [code, body] of table) await refused(code, 'POST /v1/access/issuers', body)
    const { id } = await people.issuer('globex', plain)
    await refused('idp_address_forbidden', `PATCH /v1/access/issuers/${id}`, { jwks_uri: 'https://db.internal/k' })
    await refused('body_invalid', `PATCH /v1/access/issuers/${id}`, { introspection_secret: 'x' })
  })

  test('at which people log in are told to everybody, those of a tenant to whoever names it', async () => {
    const login = { client_id: 'cli', scopes: ['openid', 'groups'] }
    const own = await people.issuer('globex', { ...plain, login })
    const whole = await people.issuer(undefined, { ...plain, login })
    const off = await people.issuer(undefined, { ...plain, login, enabled: false })
    const ids = async (query: string) =>
      (await server.call(`GET /v1/login${query}`)).body.issuers.map(({ id }: { id: string }) => id)
    assert.ok((await ids('?tenant=globex')).includes(own.id))
    for (const query of ['', '?tenant=acme', '?tenant=nobody', '?tenant=']) {
      const found = await ids(query)
      assert.ok(found.includes(whole.id) && !found.includes(own.id) && !found.includes(off.id), query)
    }
    const { body } = await server.call('GET /v1/login')
    const shown = body.issuers.find(({ id }: { id: string }) => id === whole.id)
    assert.deepEqual(shown, {
      id: whole.id,
      issuer: whole.provider.issuer,
      ...login,
      audience: whole.provider.audience,
    })
  })
})

describe('the last admin', () => {
  const keyId = () => admin.split('_')[1]!
  /** Ends every key for all tenants but that of these tests. */
  const alone = async () => {
    for (const { id, tenant } of (await ok('GET /v1/api-keys?limit=500', 200)).items)
      if (tenant === null && id !== keyId()) await ok(`DELETE /v1/api-keys/${id}`, 204)
    for (const { id, tenant } of (await ok('GET /v1/access/bindings?limit=500', 200)).items)
      if (tenant === null) await ok(`DELETE /v1/access/bindings/${id}`, 204)
  }

  test('stays, whatever would take it away', async () => {
    await alone()
    await refused('last_admin', `DELETE /v1/api-keys/${keyId()}`)
    // None of these could come instead.
    const disabled = await people.issuer(undefined, { ...plain, enabled: false })
    const ofTenant = await people.issuer('acme', plain)
    await people.bind({ kind: 'user', issuer: disabled.id, value: 'x' }, 'admin')
    await people.bind({ kind: 'user', issuer: ofTenant.id, value: 'x' }, 'admin', { tenant: 'acme' })
    await people.bind({ kind: 'certificate', value: 'dn:CN=x' }, 'admin', { agents: 'inv-*' })
    await people.bind({ kind: 'certificate', value: 'dn:CN=x' }, 'admin', { tenant: 'acme' })
    await people.bind({ kind: 'certificate', value: 'dn:CN=x' }, 'operator')
    await people.bind({ kind: 'spiffe-id', value: 'spiffe://example.test/tenant/acme/agent/nobody' }, 'admin')
    await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', tenant: 'acme' })
    await ok('POST /v1/api-keys', 201, { name: 'k', role: 'operator' })
    await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', agents: 'inv-*' })
    await refused('last_admin', `DELETE /v1/api-keys/${keyId()}`)
  })

  test('is nobody who ends within a day, unless there is nobody else', async () => {
    await alone()
    const day = { expires_in_sec: 86_400 }
    const made = async (expires_in_sec: number) =>
      await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', rate_limit: 0, expires_in_sec })
    const brief = await made(60)
    await people.bind({ kind: 'certificate', value: 'dn:CN=brief' }, 'admin', day)
    for (const by of [{ token: admin }, { token: brief.key }])
      await refused('last_admin', `DELETE /v1/api-keys/${keyId()}`, undefined, by)
    const longer = await made(day.expires_in_sec + 1)
    await ok(`DELETE /v1/api-keys/${keyId()}`, 204)
    admin = longer.key
    // In its last day it may go as before: somebody is left, for as long as that is.
    server.clock.advance(2)
    const last = await made(600)
    await ok(`DELETE /v1/api-keys/${keyId()}`, 204, undefined, { token: last.key })
    admin = last.key
    for (const { id } of (await ok('GET /v1/access/bindings?limit=500', 200)).items)
      await ok(`DELETE /v1/access/bindings/${id}`, 204)
    await ok(`DELETE /v1/api-keys/${brief.id}`, 204)
    await refused('last_admin', `DELETE /v1/api-keys/${keyId()}`)
    const lasting = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', rate_limit: 0 })
    admin = lasting.key
  })

  test('is a person, too, as long as their issuer vouches', async () => {
    await alone()
    const { id, provider } = await people.issuer(undefined, plain)
    const binding = await people.bind({ kind: 'user', issuer: id, value: 'root' }, 'admin')
    const root = { token: await provider.sign({ sub: 'root' }) }
    await ok(`DELETE /v1/api-keys/${keyId()}`, 204, undefined, root)
    await refused('last_admin', `DELETE /v1/access/bindings/${binding}`, undefined, root)
    await refused('last_admin', `PATCH /v1/access/issuers/${id}`, { enabled: false }, root)
    await refused('last_admin', `DELETE /v1/access/issuers/${id}`, undefined, root)
    const key = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', rate_limit: 0 }, root)
    admin = key.key
    await ok(`PATCH /v1/access/issuers/${id}`, 200, { enabled: false })
    await refused('unauthenticated', 'GET /v1/agents', undefined, root)
    await refused('last_admin', `DELETE /v1/api-keys/${key.id}`)
  })

  test('may have a defined role, which then stays wide enough', async () => {
    await alone()
    const role = fresh('owner')
    const permissions = [...permissionsOf('admin')]
    const { id } = await ok('POST /v1/access/roles', 201, { role, permissions })
    const key = await ok('POST /v1/api-keys', 201, { name: 'k', role, rate_limit: 0 })
    await ok(`DELETE /v1/api-keys/${keyId()}`, 204, undefined, { token: key.key })
    admin = key.key
    await refused('last_admin', `PATCH /v1/access/roles/${id}`, { permissions: ['agent.read'] })
    await ok(`PATCH /v1/access/roles/${id}`, 200, { permissions: permissions.toReversed() })
  })

  test('is one of two who would take it from each other at once', async () => {
    await alone()
    const other = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', rate_limit: 0 })
    const done = await Promise.all([
      call(`DELETE /v1/api-keys/${other.id}`),
      call(`DELETE /v1/api-keys/${keyId()}`, undefined, { token: other.key }),
    ])
    const left = done.filter(({ status }) => status === 204)
    assert.equal(left.length, 1, done.map(({ text }) => text).join())
    if (done[1]!.status === 204) admin = other.key
  })
})

describe('an explanation', () => {
  const explain = async (body: object, options?: object) => {
    const { allowed, steps } = await ok('POST /v1/access/explain', 200, body, options)
    return [allowed, steps.filter(({ ok: good }: { ok: boolean }) => !good).map(({ step }: { step: string }) => step)]
  }

  test('says by what somebody may, and by what not', async () => {
    const { id, provider } = await people.issuer(undefined, plain)
    const value = fresh('ann')
    await people.bind({ kind: 'user', issuer: id, value }, 'operator', { tenant: 'acme', agents: 'inv-*' })
    await people.bind({ kind: 'group', issuer: id, value: 'staff' }, 'auditor')
    const who = { kind: 'user', issuer: id, value }
    const kill = { who, action: 'killAgent', tenant: 'acme' }
    assert.deepEqual(await explain({ ...kill, agent: 'inv-1' }), [true, []])
    assert.deepEqual(await explain({ ...kill, agent: 'led-1' }), [false, ['binding']])
    assert.deepEqual(await explain(kill), [false, ['binding']])
    assert.deepEqual(await explain({ ...kill, tenant: 'globex', agent: 'inv-1' }), [false, ['binding']])
    assert.deepEqual(await explain({ who, action: 'agent.read', groups: ['staff'] }), [true, ['binding']])
    const { body } = await server.call('GET /v1/whoami', { token: await provider.sign({ sub: value }) })
    await ok('POST /v1/kill', 202, { minted_by: `principal:${body.id}`, reason: 'x' })
    assert.deepEqual(await explain({ ...kill, agent: 'inv-1' }), [false, ['principal']])
  })

  test('says nothing of the agents of another tenant', async () => {
    const token = await server.apiKey('auditor', { tenant: 'acme' })
    const stepsOf = async (agent: string) => {
      const who = { kind: 'spiffe-id', value: `spiffe://example.test/tenant/globex/agent/${agent}` }
      const { steps } = await ok(
        'POST /v1/access/explain',
        200,
        { who, action: 'listAgents', tenant: 'acme' },
        { token },
      )
      return steps.filter(({ step }: { step: string }) => step === 'agent')
    }
    assert.deepEqual(await stepsOf('a1'), await stepsOf('nobody'))
  })

  test('is that of an API key, a certificate and an agent, too', async () => {
    const key = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'issuer', tenant: 'acme', agents: 'inv-*' })
    const who = { kind: 'api-key', value: key.id }
    const mint = { who, action: 'agent.bootstrap', tenant: 'acme' }
    assert.deepEqual(await explain({ ...mint, agent: 'inv-1' }), [true, []])
    assert.deepEqual(await explain({ ...mint, agent: 'led-1' }), [false, ['agents']])
    assert.deepEqual(await explain({ ...mint, action: 'agent.kill', agent: 'inv-1' }), [false, ['role']])
    assert.deepEqual(await explain({ ...mint, tenant: 'globex', agent: 'inv-1' }), [false, ['tenant']])
    const nobody = { kind: 'certificate', value: 'dn:CN=nobody at all' }
    assert.deepEqual(await explain({ who: nobody, action: 'listAgents' }), [false, ['binding']])
    const value = 'spiffe://example.test/tenant/acme/agent/a1'
    await people.bind({ kind: 'spiffe-id', value }, 'auditor', { tenant: 'acme' })
    const agent = { who: { kind: 'spiffe-id', value }, action: 'listAgents', tenant: 'acme' }
    assert.deepEqual(await explain(agent), [true, []])
    await ok('POST /v1/agents/acme/a1/kill', 202, { reason: 'x' })
    assert.deepEqual(await explain(agent), [false, ['agent']])
  })

  test('asks the policies in force about everybody, and about every call', async () => {
    const value = 'spiffe://example.test/tenant/globex/agent/a1'
    await people.bind({ kind: 'spiffe-id', value }, 'admin', { tenant: 'globex' })
    const { id } = await people.issuer('globex', plain)
    await people.bind({ kind: 'group', issuer: id, value: 'staff' }, 'admin', { tenant: 'globex' })
    await people.bind({ kind: 'certificate', value: 'dn:CN=root' }, 'admin')
    const key = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', tenant: 'globex' })
    const policies = `permit (principal, action, resource);
      @id("staff") forbid (principal, action == Lanyard::Action::"killAgent", resource) when { principal has issuer && principal.issuer like "globex/*" };
      @id("agents") forbid (principal is Lanyard::Agent, action == Lanyard::Action::"killAgent", resource);`
    const { version } = await ok('POST /v1/policies', 201, { policies, tenant: 'globex' })
    await ok(`POST /v1/policies/${version}/activate`, 200, { tenant: 'globex' })
    const everybody = [
      { kind: 'spiffe-id', value },
      { kind: 'user', issuer: id, value: 'ann' },
      { kind: 'group', issuer: id, value: 'staff' },
      { kind: 'certificate', value: 'dn:CN=root' },
      { kind: 'api-key', value: key.id },
    ]
    const asked = (who: object, action: string) =>
      explain({ who, action, groups: ['staff'], tenant: 'globex', agent: 'a1' })
    const denied = await Promise.all(everybody.map(async who => (await asked(who, 'killAgent'))[1]))
    assert.deepEqual(denied, [['policy'], ['policy'], ['policy'], [], []])
    for (const who of everybody) assert.deepEqual(await asked(who, 'getAgent'), [true, []], who.kind)
    const called = Object.entries<Route>(routes).flatMap(([name, { auth }]) =>
      auth.kind === 'identity' && auth.permission !== null ? [name] : [],
    )
    // Of a tenant without policies the engine, which takes its time for each action, is not asked.
    await server.agent({ tenant: 'acme', agent: 'a2' })
    const who = { kind: 'spiffe-id', value: 'spiffe://example.test/tenant/acme/agent/a2' } as const
    await people.bind(who, 'admin', { tenant: 'acme' })
    for (const action of [...Object.keys(PERMISSIONS), ...called])
      await explain({ who, action, tenant: 'acme', agent: 'a2' })
    await ok(`POST /v1/policies/rollback`, 200, { tenant: 'globex' })
  })

  test('says of a call that is answered to no principal, or to no API key, that it is not', async () => {
    const { id } = await people.issuer(undefined, plain)
    const ann = { kind: 'user' as const, issuer: id, value: fresh('ann') }
    await people.bind(ann, 'admin')
    const made = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'auditor', expires_in_sec: 600 })
    const key = { kind: 'api-key', value: made.id }
    assert.deepEqual(await explain({ who: ann, action: 'getFeed' }), [false, ['door']])
    assert.deepEqual(await explain({ who: ann, action: 'listEvents' }), [true, []])
    assert.deepEqual(await explain({ who: key, action: 'getFeed' }), [true, []])
    for (const who of [ann, key]) assert.equal((await explain({ who, action: 'followNode' }))[1][0], 'door')
  })

  test('of an action that is none names the nearest', async () => {
    const who = { kind: 'certificate', value: 'dn:CN=x' }
    const { errors } = await refused('body_invalid', 'POST /v1/access/explain', { who, action: 'killAgnt' })
    assert.match(errors[0].message, /killAgent/)
  })
})
