import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Answer, codeOf } from '../testing/client.ts'
import type { TestProvider } from '../testing/provider.ts'
import { federationStage } from '../testing/stages.ts'

const { server, providers, call, ok, refused, eventsOf } = await federationStage()

let made = 0
interface Place {
  readonly tenant: string
  readonly provider: TestProvider
  vouch(settings?: object): Promise<Answer['body']>
}

/** A tenant with an agent of its own, and a provider that nobody has configured yet. */
async function place(): Promise<Place> {
  const tenant = `s${++made}`
  await server.agent({ tenant, agent: 'invoice' })
  const provider = await providers.make(`https://${tenant}.test`)
  const body = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
  return { tenant, provider, vouch: settings => ok(`POST /v1/tenants/${tenant}/idps`, 201, { ...body, ...settings }) }
}

describe('providers', () => {
  test('are as they were made, changed and listed', async () => {
    const { tenant, vouch, provider } = await place()
    const made = await vouch({ allow_agent_federation: undefined })
    const { id, created_at, created_by, updated_at, updated_by, ...rest } = made
    assert.match(id, /^[0-9a-f]{32}$/)
    assert.equal(created_at, updated_at)
    assert.match(created_by, /^api-key:[0-9a-f]{12}$/)
    assert.equal(created_by, updated_by)
    assert.deepEqual(rest, {
      ...{ tenant, issuer: provider.issuer, jwks_uri: null, audiences: [provider.audience] },
      ...{ algorithms: ['RS256', 'ES256'], claim_mapping: { agentId: 'sub' }, required_claims: {} },
      ...{ max_token_age_sec: 3600, tier: 'silver', enabled: true, allow_agent_federation: false },
    })
    const path = `/v1/tenants/${tenant}/idps/${id}`
    const change = {
      ...{ jwks_uri: 'https://keys.test/jwks', audiences: ['a', 'b'], algorithms: ['EdDSA'] },
      ...{ claim_mapping: { agentId: '/a/b' }, required_claims: { x: [1, true, 'y'] }, max_token_age_sec: 30 },
      ...{ tier: 'bronze', enabled: false, allow_agent_federation: true },
    }
    const after = await ok(`PATCH ${path}`, 200, change)
    assert.deepEqual({ ...after, updated_at: null }, { ...made, ...change, updated_at: null })
    assert.deepEqual(await ok(`GET ${path}`, 200), after)
    assert.deepEqual((await ok(`PATCH ${path}`, 200, { jwks_uri: null })).jwks_uri, null)
    assert.equal((await ok(`GET /v1/tenants/${tenant}/idps?enabled=true`, 200)).items.length, 0)
    assert.equal((await ok(`GET /v1/tenants/${tenant}/idps?enabled=false`, 200)).items.length, 1)
    const [updated] = await eventsOf(tenant, 'idp.updated')
    assert.ok('before' in updated.detail && 'after' in updated.detail)
    await ok(`DELETE ${path}`, 204)
    await refused('not_found', `GET ${path}`)
    await refused('not_found', `DELETE ${path}`)
    assert.equal((await eventsOf(tenant, 'idp.deleted')).length, 1)
  })

  test('are refused twice in a tenant, where they are not for us, and in what no provider is', async () => {
    const { tenant, vouch, provider } = await place()
    const { id } = await vouch()
    const path = `POST /v1/tenants/${tenant}/idps`
    const body = { issuer: provider.issuer, audiences: ['a'] }
    await refused('idp_exists', path, body)
    await refused('idp_address_forbidden', path, { ...body, issuer: 'https://metadata.internal' })
    await refused('idp_address_forbidden', path, { ...body, issuer: 'https://x.test', jwks_uri: 'https://a.internal/' })
    await refused('idp_address_forbidden', `PATCH /v1/tenants/${tenant}/idps/${id}`, {
      jwks_uri: 'https://a.internal/',
    })
    await refused('tenant_unknown', 'POST /v1/tenants/nobody/idps', body)
    await refused('tenant_unknown', 'GET /v1/tenants/nobody/idps')
    const more = { issuer: 'https://x.test', audiences: ['a'] }
    for (const wrong of [
      ...[
        { issuer: 'http://x.test' },
        { issuer: 'https://u:p@x.test' },
        { issuer: 'https://x.test#f' },
        { issuer: '' },
      ],
      ...[{ audiences: [] }, { audiences: undefined }, { audiences: [''] }, { algorithms: ['none'] }],
      ...[{ algorithms: ['HS256'] }, { algorithms: [] }, { max_token_age_sec: 29 }, { max_token_age_sec: 86_401 }],
      ...[{ tier: 'diamond' }, { claim_mapping: {} }, { claim_mapping: { agentId: '' } }, { id: 'x' }],
      ...[
        { required_claims: { x: [] } },
        { required_claims: { x: [null] } },
        { required_claims: { '/a~2': null } },
        { required_claims: { x: { y: 1 } } },
      ],
    ])
      await refused('body_invalid', path, { ...more, ...wrong })
    await refused('body_invalid', `PATCH /v1/tenants/${tenant}/idps/${id}`, { issuer: 'https://other.test' })
  })

  test('are the business of who may manage them, in their own tenant', async () => {
    const { tenant, vouch } = await place()
    const { id } = await vouch()
    const other = await place()
    const foreign = await other.vouch()
    const path = `/v1/tenants/${tenant}/idps`
    const operator = { token: await server.apiKey('operator', { tenant }) }
    const elsewhere = { token: await server.apiKey('admin', { tenant: other.tenant }) }
    await refused('permission_missing', `PATCH ${path}/${id}`, { enabled: false }, operator)
    for (const line of [`GET ${path}`, `GET ${path}/${id}`, `DELETE ${path}/${id}`])
      await refused('tenant_mismatch', line, undefined, elsewhere)
    await refused('tenant_mismatch', `PATCH ${path}/${id}`, { enabled: false }, elsewhere)
    // By way of another tenant's path it is not there.
    await refused('not_found', `GET ${path}/${foreign.id}`)
    await refused('not_found', `PATCH ${path}/${foreign.id}`, { enabled: false })
    await refused('not_found', `DELETE ${path}/${foreign.id}`)
    for (const wrong of ['x', id.slice(1), `${id}0`, '%00', '..%2f', id.toUpperCase()])
      assert.ok(['not_found', 'route_unknown', 'path_invalid'].includes((await call(`GET ${path}/${wrong}`)).body.code))
  })

  test('are fifty in a tenant at most', async () => {
    const { tenant, vouch } = await place()
    for (let n = 0; n < 50; n++) await vouch({ issuer: `https://p${n}.test`, allow_agent_federation: false })
    const body = { issuer: 'https://one-more.test', audiences: ['a'] }
    await refused('too_many_entries', `POST /v1/tenants/${tenant}/idps`, body)
  })
})

describe('policies', () => {
  test('are asked about the agent that a token names, whether it is there or not', async () => {
    const { tenant, vouch, provider } = await place()
    await vouch()
    const policies = `permit (principal, action, resource);
      forbid (principal, action == Lanyard::Action::"issue", resource is Lanyard::Agent)
        when { context has door && context.door == "federation" && resource.name == "night-job" };`
    await ok('POST /v1/policies', 201, { tenant, policies })
    await ok('POST /v1/policies/1/activate', 200, { tenant })
    const bootstrap = async (sub: string) =>
      codeOf(
        await server.call('POST /v1/agent/federated-bootstrap', {
          token: await provider.sign({ sub }),
          headers: { 'x-lanyard-tenant-id': tenant },
        }),
      )
    assert.equal(await bootstrap('worker'), 200)
    assert.equal(await bootstrap('worker'), 200)
    assert.equal(await bootstrap('night-job'), 'policy_denied')
    await refused('agent_unknown', `GET /v1/agents/${tenant}/night-job`)
  })
})

describe('a token is tried', () => {
  test('step by step, and spent by nothing', async () => {
    const { tenant, vouch, provider } = await place()
    const { id } = await vouch({ required_claims: { env: 'prod', uid: null } })
    const path = `POST /v1/tenants/${tenant}/idps/${id}/test`
    const token = await provider.sign({ sub: 'worker', env: 'prod' })
    const tried = await ok(path, 200, { token })
    assert.deepEqual([tried.accepted, tried.agent], [true, 'worker'])
    const names = tried.steps.map(({ step }: { step: string }) => step)
    const expected = ['read', 'issuer', 'keys', 'signature', 'claims', 'age', 'audience', 'required_claims', 'agent']
    assert.deepEqual(names, [...expected, 'upsert', 'provider'])
    await refused('agent_unknown', `GET /v1/agents/${tenant}/worker`)
    const headers = { 'x-lanyard-tenant-id': tenant }
    assert.equal((await server.call('POST /v1/agent/federated-bootstrap', { token, headers })).status, 200)
    const wrong: [step: string, token: string][] = [
      ['read', 'nonsense'],
      ['issuer', await provider.sign({ sub: 'w', env: 'prod', iss: 'https://other.test' })],
      ['signature', `${token.slice(0, -6)}AAAAAA`],
      ['age', await provider.sign({ sub: 'w', env: 'prod', exp: 1_000_000_000 })],
      ['audience', await provider.sign({ sub: 'w', env: 'prod', aud: 'x' })],
      ['required_claims', await provider.sign({ sub: 'w', env: 'dev' })],
      ['required_claims', await provider.sign({ sub: 'w', env: 'prod', uid: '00u1' })],
      ['agent', await provider.sign({ sub: '', env: 'prod' })],
      ['upsert', await provider.sign({ sub: 'invoice', env: 'prod' })],
    ]
    for (const [step, text] of wrong) {
      const { accepted, steps } = await ok(path, 200, { token: text })
      assert.equal(accepted, false, step)
      assert.deepEqual([steps.at(-1).step, steps.at(-1).ok], [step, false])
      assert.ok(steps.slice(0, -1).every(({ ok: fine }: { ok: boolean }) => fine))
      assert.ok(!JSON.stringify(steps).includes(text.split('.')[2] ?? 'nonsense.'), 'no token in an answer')
    }
    await ok(`PATCH /v1/tenants/${tenant}/idps/${id}`, 200, { enabled: false })
    const off = await ok(path, 200, { token: await provider.sign({ sub: 'worker', env: 'prod' }) })
    assert.deepEqual([off.accepted, off.steps.at(-1).step], [false, 'provider'])
  })
})

describe('admission', () => {
  test('takes authorities alone, and says what is', async () => {
    const { tenant } = await place()
    const path = `PATCH /v1/tenants/${tenant}/admission`
    for (const agent_mtls_ca of ['', 'x', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])
      await refused('certificate_untrusted', path, { agent_mtls_ca })
    await refused('body_invalid', path, { on_federation: 'later' })
    const set = { agent_mtls_required: true, agent_mtls_ca: server.rootPem, on_federation: 'end' }
    const { internal_lineages, ...after } = await ok(path, 200, set)
    assert.deepEqual(after, { tenant, ...set, federation_required: false })
    assert.equal(internal_lineages, 0)
    assert.deepEqual((await ok(path, 200, { agent_mtls_required: null })).agent_mtls_ca, server.rootPem)
    assert.equal((await ok(path, 200, { agent_mtls_ca: null })).agent_mtls_required, null)
    assert.equal((await eventsOf(tenant, 'admission.updated')).length, 3)
    const elsewhere = { token: await server.apiKey('admin', { tenant: (await place()).tenant }) }
    await refused('tenant_mismatch', path, { on_federation: 'end' }, elsewhere)
    await refused('permission_missing', path, set, { token: await server.apiKey('operator', { tenant }) })
    await refused('tenant_unknown', 'GET /v1/tenants/nobody/admission')
  })
})
