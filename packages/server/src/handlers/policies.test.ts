import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { adminCalls } from '../testing/admin-calls.ts'
import { csrOf, type HttpHarness, openHttp } from '../testing/http.ts'

const ALL = 'permit (principal, action, resource);'
const NO_KILLS = `${ALL}\n@id("no-kills") forbid (principal, action in Lanyard::Action::"agent.kill", resource);`
const INVOICE = { tenant: 'acme', agent: 'invoice' }

describe('policies', () => {
  let server: HttpHarness
  let admin: string
  let ofAcme: string
  const { ok, refused, call } = adminCalls(
    () => server,
    () => admin,
  )

  before(async () => {
    server = await openHttp()
  })
  beforeEach(async () => {
    await server?.close()
    server = await openHttp()
    await server.agent(INVOICE)
    await server.agent({ tenant: 'acme', agent: 'payroll' })
    await server.agent({ tenant: 'globex', agent: 'invoice' })
    admin = await server.apiKey('admin')
    ofAcme = await server.apiKey('admin', { tenant: 'acme' })
  })
  after(() => server.close())

  const save = (policies: string, more: object = {}, token = admin) =>
    ok('POST /v1/policies', 201, { policies, ...more }, { token })
  const activate = async (policies: string, more: { tenant?: string; token?: string } = {}) => {
    const { token = admin, ...scope } = more
    const { version } = await save(policies, scope, token)
    return await ok(`POST /v1/policies/${version}/activate`, 200, scope, { token })
  }
  const events = async (type: string) => (await ok(`GET /v1/events?type=${type}`, 200)).items
  const kill = 'POST /v1/agents/acme/invoice/kill'

  test('are saved only if they fit the schema; what does not is told by line and column', async () => {
    const saved = await save(ALL, { comment: 'first' })
    assert.deepEqual([saved.version, saved.state, saved.tenant, saved.comment], [1, 'saved', null, 'first'])
    assert.equal((await save(ALL, { tenant: 'acme' })).version, 1)
    const { errors } = await refused('policy_invalid', 'POST /v1/policies', { policies: `${ALL}\n permit (principal` })
    assert.equal(errors.length, 1)
    assert.match(errors[0].path, /^policies:2:\d+$/)
    for (const policies of [
      'permit (principal, action == Lanyard::Action::"nothing", resource);',
      'permit (principal, action, resource) when { resource.colour == "red" };',
      'permit (principal == ?principal, action, resource);',
      `@id("a") ${ALL} @id("a") ${ALL}`,
    ]) {
      const problem = await refused('policy_invalid', 'POST /v1/policies', { policies })
      assert.ok(problem.errors.length > 0, policies)
    }
    const entities = [{ uid: { type: 'Lanyard::Tenant', id: 'acme' }, attrs: {}, parents: [] }]
    await refused('policy_invalid', 'POST /v1/policies', { policies: ALL, entities })
    await refused('policy_invalid', 'POST /v1/policies', { policies: ALL, schema: 'entity User {' })
    const comment = `// ${'x'.repeat(30_000)}`
    await refused('policy_invalid', 'POST /v1/policies', { policies: `${ALL} ${comment}`, schema: comment })
    await refused('body_invalid', 'POST /v1/policies', { policies: 'x'.repeat(49_153) })
    assert.deepEqual(
      (await ok('GET /v1/policies', 200)).items.map((item: { version: number }) => item.version),
      [1],
    )
  })

  test('decide once they are activated, and again as before once they are rolled back', async () => {
    await save(NO_KILLS)
    await ok(kill, 202, { reason: 'none is active' })
    await ok('POST /v1/agents/acme/invoice/reinstate', 200, {})
    const active = await ok('POST /v1/policies/1/activate', 200, {})
    assert.equal(active.state, 'active')
    const problem = await refused('policy_denied', kill, { reason: 'x' })
    assert.deepEqual(problem.policies, ['*@1:no-kills'])
    await ok('GET /v1/agents/acme/invoice', 200)
    await refused('policy_denied', 'PATCH /v1/agents/acme/invoice', { lifecycle: 'quarantined' })
    await activate(ALL)
    await ok(kill, 202, { reason: 'version 2 lets it' })
    assert.equal((await ok('POST /v1/policies/rollback', 200, {})).active.version, 1)
    await refused('policy_denied', kill, { reason: 'x' })
    assert.equal((await ok('POST /v1/policies/rollback', 200, {})).active, null)
    await refused('policy_unknown', 'POST /v1/policies/rollback', {})
    await ok(kill, 202, { reason: 'none is active' })
    assert.deepEqual(
      (await events('policy.rolled_back')).map(({ detail }: { detail: object }) => detail),
      [
        { from: 1, to: null },
        { from: 2, to: 1 },
      ],
    )
    assert.equal((await events('policy.activated')).length, 2)
  })

  test('tell of a denial in an event, which names who, what and by which policy', async () => {
    await activate(NO_KILLS)
    for (let again = 0; again < 3; again++) await refused('policy_denied', kill, { reason: 'x' })
    const [told, ...others] = await events('policy.denied')
    assert.deepEqual(others, [])
    assert.deepEqual([told.tenant, told.agent, told.outcome], ['acme', 'invoice', 'refused'])
    assert.deepEqual([told.detail.action, told.detail.policies], ['killAgent', ['*@1:no-kills']])
    assert.equal(told.detail.resource, 'Lanyard::Agent::"spiffe://example.test/tenant/acme/agent/invoice"')
    server.clock.advance(61)
    await refused('policy_denied', kill, { reason: 'x' })
    assert.equal((await events('policy.denied'))[0].detail.more_since_last, 2)
  })

  test('without a policy that permits, all is denied', async () => {
    const { version } = await save(NO_KILLS.replace(ALL, ''))
    await refused('policy_locks_out', `POST /v1/policies/${version}/activate`, {})
    await activate('permit (principal, action in Lanyard::Action::"policy.manage", resource);')
    await refused('policy_denied', 'GET /v1/agents')
    await refused('policy_denied', 'GET /v1/whoami')
    await ok('POST /v1/policies/rollback', 200, {})
    await ok('GET /v1/agents', 200)
  })

  test('of a tenant hold in that tenant, beside those of the trust domain: both must allow', async () => {
    await activate(
      'permit (principal, action, resource) unless { resource is Lanyard::Agent && resource.name == "payroll" };',
    )
    await activate(`${ALL} @id("no-updates") forbid (principal, action == Lanyard::Action::"updateAgent", resource);`, {
      tenant: 'acme',
      token: ofAcme,
    })
    const change = { owner: 'x' }
    const { policies } = await refused('policy_denied', 'PATCH /v1/agents/acme/invoice', change)
    assert.deepEqual(policies, ['acme@1:no-updates'])
    await ok('PATCH /v1/agents/globex/invoice', 200, change)
    assert.deepEqual((await refused('policy_denied', 'GET /v1/agents/acme/payroll')).policies, [])
    await refused('policy_denied', 'GET /v1/agents/acme/payroll', undefined, { token: ofAcme })
  })

  test('are looked at by what stands behind an id, too', async () => {
    const entry = await ok('POST /v1/entries', 201, { ...INVOICE, selectors: ['unix:uid:1'] })
    const other = await ok('POST /v1/entries', 201, { ...INVOICE, tenant: 'globex', selectors: ['unix:uid:1'] })
    await activate(
      `${ALL} @id("frozen") forbid (principal, action in [Lanyard::Action::"entry.manage", Lanyard::Action::"apikey.manage"], resource);`,
      { tenant: 'acme' },
    )
    await refused('policy_denied', `DELETE /v1/entries/${entry.id}`)
    await refused('policy_denied', 'POST /v1/entries', { spiffe_id: entry.spiffe_id, selectors: ['unix:uid:2'] })
    const second = { ...INVOICE, tenant: 'globex', selectors: ['unix:uid:3'] }
    await refused('policy_denied', 'POST /v1/entries/batch', {
      entries: [second, { ...INVOICE, selectors: ['unix:uid:3'] }],
    })
    await ok('POST /v1/entries/batch', 201, { entries: [second] })
    await ok(`DELETE /v1/entries/${other.id}`, 204)
    const id = ofAcme.split('_')[1]
    await refused('policy_denied', `DELETE /v1/api-keys/${id}`)
  })

  test('of a tenant do not keep whoever manages all from killing, nor from rolling back', async () => {
    await activate(
      'permit (principal, action, resource) when { principal is Lanyard::ApiKey && principal has tenant };',
      { tenant: 'acme', token: ofAcme },
    )
    await refused('policy_denied', 'PATCH /v1/agents/acme/invoice', { owner: 'x' })
    await ok(kill, 202, { reason: 'by the operator' })
    assert.equal((await ok('POST /v1/policies/rollback', 200, { tenant: 'acme' })).active, null)
    await ok('PATCH /v1/agents/acme/payroll', 200, { owner: 'x' })
  })

  test('that would lock out who activates them, or who rolls back, are refused', async () => {
    const mine = `permit (principal == Lanyard::ApiKey::"${ofAcme.split('_')[1]}", action, resource);`
    const theirs = mine.replace(/"\w+"/, '"somebodyelse"')
    const options = { token: ofAcme }
    const first = await save(theirs, {}, ofAcme)
    const second = await save(mine, {}, ofAcme)
    await refused('policy_locks_out', `POST /v1/policies/${first.version}/activate`, {}, options)
    await ok(`POST /v1/policies/${first.version}/activate`, 200, { tenant: 'acme' })
    await refused('policy_denied', `POST /v1/policies/${second.version}/activate`, {}, options)
    await ok(`POST /v1/policies/${second.version}/activate`, 200, { tenant: 'acme' })
    await refused('policy_locks_out', 'POST /v1/policies/rollback', {}, options)
    await refused('policy_unknown', 'POST /v1/policies/99/activate', {})
    for (const version of ['0', '-1', 'x', '1e9', '9'.repeat(30)])
      await refused('policy_unknown', `POST /v1/policies/${version}/activate`, {})
  })

  test('of one tenant are for nobody of another, and those of the trust domain for no tenant', async () => {
    await activate(ALL)
    await save(ALL, { tenant: 'globex' })
    const options = { token: ofAcme }
    assert.deepEqual((await ok('GET /v1/policies', 200, undefined, options)).items, [])
    for (const [code, line, body] of [
      ['tenant_mismatch', 'GET /v1/policies?tenant=globex', undefined],
      ['tenant_mismatch', 'POST /v1/policies', { tenant: 'globex', policies: ALL }],
      ['tenant_mismatch', 'POST /v1/policies/1/activate', { tenant: 'globex' }],
      ['tenant_mismatch', 'POST /v1/policies/1/shadow', { tenant: 'globex', on: true }],
      ['tenant_mismatch', 'POST /v1/policies/rollback', { tenant: 'globex' }],
      ['tenant_mismatch', 'GET /v1/policies/shadow?tenant=globex', undefined],
      ['policy_unknown', 'POST /v1/policies/1/activate', {}],
      ['tenant_unknown', 'POST /v1/policies', { tenant: 'nobody', policies: ALL }],
    ] as const) {
      const token = code === 'tenant_unknown' ? admin : ofAcme
      await refused(code, line, body, { token })
    }
    const auditor = await server.apiKey('auditor', { tenant: 'acme' })
    await refused('permission_missing', 'POST /v1/policies', { policies: ALL }, { token: auditor })
    await ok('GET /v1/policies', 200, undefined, { token: auditor })
    await refused('permission_missing', 'POST /v1/policies/rollback', {}, { token: await server.apiKey('operator') })
  })

  test('in the shadow decide nothing, and are held against what decides', async () => {
    await refused('policy_unknown', 'GET /v1/policies/shadow')
    const { version } = await save(NO_KILLS)
    await ok(`POST /v1/policies/${version}/shadow`, 200, { on: true })
    await ok(kill, 202, { reason: 'the shadow is not asked' })
    const report = await ok('GET /v1/policies/shadow', 200)
    assert.deepEqual([report.version, report.differing], [version, 1])
    assert.ok(report.asked >= 2)
    const [example] = report.examples
    assert.deepEqual([example.action, example.active.decision, example.shadow.decision], ['killAgent', 'allow', 'deny'])
    assert.deepEqual(example.shadow.policies, [`*@${version}:no-kills`])
    const next = await save(ALL)
    await ok(`POST /v1/policies/${next.version}/shadow`, 200, { on: true })
    assert.deepEqual(
      (await ok('GET /v1/policies', 200)).items.map(({ state }: { state: string }) => state),
      ['shadow', 'saved'],
    )
    await ok(`POST /v1/policies/${next.version}/activate`, 200, {})
    await refused('policy_unknown', 'GET /v1/policies/shadow')
    await refused('lifecycle_forbidden', `POST /v1/policies/${next.version}/shadow`, { on: true })
    assert.equal((await ok(`POST /v1/policies/${version}/shadow`, 200, { on: false })).state, 'saved')
  })

  test('explain what they decide, and which of them', async () => {
    await activate(
      `${ALL} @id("gold-only") forbid (principal, action == Lanyard::Action::"issue", resource) unless { resource has tier && resource.tier == "gold" };`,
    )
    await save(ALL, { tenant: 'acme' })
    const question = {
      principal: 'Lanyard::Agent::"spiffe://example.test/tenant/acme/agent/invoice"',
      action: 'issue',
      resource: 'Lanyard::Agent::"spiffe://example.test/tenant/acme/agent/invoice"',
    }
    const explained = await ok('POST /v1/policies/explain', 200, question)
    assert.deepEqual([explained.decision, explained.policies], ['deny', ['*@1:gold-only']])
    assert.deepEqual(explained.sets.length, 1)
    await ok('PATCH /v1/agents/acme/invoice', 200, { tier: 'gold' })
    assert.equal((await ok('POST /v1/policies/explain', 200, question)).decision, 'allow')
    const both = await ok('POST /v1/policies/explain', 200, { ...question, tenant: 'acme', version: 1 })
    assert.deepEqual(
      both.sets.map(({ tenant, version }: { tenant: string | null; version: number }) => [tenant, version]),
      [
        [null, 1],
        ['acme', 1],
      ],
    )
    // Another tenant's agent is as one that is not there: the answer does not tell of it.
    const of = async (agent: string) =>
      await ok('POST /v1/policies/explain', 200, { ...question, resource: agent }, { token: ofAcme })
    const foreign = await of(question.resource.replace('acme', 'globex'))
    assert.equal(foreign.decision, 'deny')
    assert.deepEqual(foreign, await of('Lanyard::Agent::"spiffe://example.test/tenant/acme/agent/nobody"'))
    await refused('body_invalid', 'POST /v1/policies/explain', { ...question, principal: 'nobody' })
    const key = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'auditor', expires_in_sec: 3600 })
    const ofKey = { ...question, action: 'getAgent', principal: `Lanyard::ApiKey::"${key.id}"` }
    for (const tenant of [undefined, 'acme'])
      assert.equal((await ok('POST /v1/policies/explain', 200, { ...ofKey, tenant })).decision, 'allow')
    await refused('not_found', 'POST /v1/policies/explain', { ...ofKey, tenant: 'acme' }, { token: ofAcme })
    await ok(`DELETE /v1/api-keys/${key.id}`, 204)
    await refused('not_found', 'POST /v1/policies/explain', ofKey)
    await refused('policy_unknown', 'POST /v1/policies/explain', { ...question, version: 77 })
  })

  test('are asked before anything is issued, and of agents as they are now', async () => {
    await activate(`${ALL}
      @id("no-gold") forbid (principal, action == Lanyard::Action::"issue", resource) when { resource has tier && resource.tier == "gold" };
      @id("no-rsa") forbid (principal, action == Lanyard::Action::"issue", resource) when { context has key_type && context.key_type != "P-256" };`)
    const key = generateKeyNow('P-256')
    const token = await server.token(INVOICE)
    const issue = async (csr: string, as = token) => call('POST /v1/agent/auth/cert', { csr }, { token: as })
    assert.equal((await issue(await csrOf(key))).status, 201)
    await ok('PATCH /v1/agents/acme/invoice', 200, { tier: 'gold' })
    const denied = await issue(await csrOf(key))
    assert.deepEqual([denied.body.code, denied.body.policies], ['policy_denied', ['*@1:no-gold']])
    await refused('policy_denied', 'POST /v1/agent/bootstrap', INVOICE)
    const [told] = await events('cert.refused')
    assert.equal(told.detail.code, 'policy_denied')
    await ok('PATCH /v1/agents/acme/invoice', 200, { tier: 'bronze' })
    await ok('POST /v1/agent/bootstrap', 200, INVOICE)
    const p384 = await issue(
      await csrOf(generateKeyNow('P-384')),
      await server.token({ tenant: 'acme', agent: 'payroll' }),
    )
    assert.deepEqual(p384.body.policies, ['*@1:no-rsa'])
  })

  test('hide agents and services from who may not look them up', async () => {
    const invoice = await server.certificate(INVOICE)
    const payroll = await server.certificate({ tenant: 'acme', agent: 'payroll' })
    for (const [tls, name] of [
      [invoice, 'invoice'],
      [payroll, 'payroll'],
    ] as const)
      await ok('POST /v1/services', 200, { url: `https://${name}.test` }, { token: undefined, tls })
    await activate(
      `${ALL} forbid (principal, action in [Lanyard::Action::"service.read", Lanyard::Action::"agent.read"], resource)
        when { resource is Lanyard::Agent && resource.name == "payroll" };`,
      { tenant: 'acme' },
    )
    const seen = async (line: string, options: object = {}) =>
      (await ok(line, 200, undefined, options)).items.map(({ agent }: { agent: string }) => agent)
    assert.deepEqual(await seen('GET /v1/services'), ['invoice'])
    assert.deepEqual(await seen('GET /v1/services', { token: undefined, tls: invoice }), ['invoice'])
    assert.deepEqual(await seen('GET /v1/agents?tenant=acme'), ['invoice'])
    const id = encodeURIComponent('spiffe://example.test/tenant/acme/agent/payroll')
    await refused('policy_denied', `GET /v1/services?spiffe_id=${id}`)
    await refused('policy_denied', 'GET /v1/agents/acme/payroll')
  })

  test('a hundred versions stay, of those that decide or would', async () => {
    await activate(ALL)
    const insert = async (count: number) => {
      for (let made = 0; made < count; made++) {
        await server.pipeline.store.write(
          function* () {
            const { policies } = server.pipeline.rows
            const version = (yield* policies.newest(null)) + 1
            const active = (yield* policies.active(null))!
            yield* policies.insert({ ...active, version, state: 'saved' })
          },
          { mode: 'exclusive', tenants: 'all' },
        )
      }
    }
    await insert(99)
    assert.equal((await save(ALL)).version, 101)
    const versions: number[] = (await ok('GET /v1/policies?limit=500', 200)).items.map(
      ({ version }: { version: number }) => version,
    )
    assert.deepEqual([versions.length, versions[0], versions.at(-1), versions.at(-2)], [100, 101, 1, 3])
  })
})
