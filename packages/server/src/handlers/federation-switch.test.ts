import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import type { HttpParts } from '../http/ports.ts'
import { adminCalls } from '../testing/admin-calls.ts'
import type { Answer } from '../testing/client.ts'
import { csrOf, type HttpHarness, openHttp } from '../testing/http.ts'
import { type HeldNode, joinNode } from '../testing/nodes.ts'
import { Providers, type TestProvider } from '../testing/provider.ts'

const providers = new Providers()
let server: HttpHarness
let admin: string
/** What happens between the judgement of a credential and the transaction that it asks for. */
let meanwhile: () => Promise<unknown> = async () => {}

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 }, parts: parts => interrupted(providers.parts(parts)) })
  admin = await server.apiKey('admin')
})
after(() => server.close())

const { call, ok, refused } = adminCalls(
  () => server,
  () => admin,
)

const once = async () => {
  const run = meanwhile
  meanwhile = async () => {}
  await run()
}

/** A server that is held up after a token was verified, before a certificate is issued, and while a token is signed. */
function interrupted(parts: HttpParts): HttpParts {
  const { issuers, issuing, authorities } = parts
  const svidSigner = () => {
    const { kid, signer } = authorities.svidSigner()
    const { algorithm, spki } = signer
    const sign: typeof signer.sign = (...asked) => once().then(() => signer.sign(...asked))
    return { kid, signer: { algorithm, spki, sign } }
  }
  const issue: typeof issuing.issue = request => once().then(() => issuing.issue(request))
  const verify: typeof issuers.verify = (...asked) => issuers.verify(...asked).finally(once)
  return {
    ...parts,
    issuers: { ...issuers, verify },
    issuing: replaced(issuing, { issue }),
    authorities: replaced(authorities, { svidSigner }),
  }
}

/** The same object but for some methods. */
const replaced = <T extends object>(target: T, methods: Partial<T>): T =>
  new Proxy(target, {
    get(_, name) {
      const value = methods[name as keyof T] ?? target[name as keyof T]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

let made = 0
interface Place {
  readonly tenant: string
  readonly provider: TestProvider
  readonly node: HeldNode
  readonly entry: string
  vouch(settings?: object): Promise<Answer['body']>
}

/** A tenant with an agent, a node and an entry of its own, and a provider that nobody has configured yet. */
async function place(): Promise<Place> {
  const tenant = `s${++made}`
  await server.agent({ tenant, agent: 'invoice' })
  const provider = await providers.make(`https://${tenant}.test`)
  const node = await joinNode(server, { name: `n${made}`, tenant })
  const { id: entry } = await ok('POST /v1/entries', 201, { tenant, agent: 'invoice', selectors: ['unix:uid:1001'] })
  const body = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
  const vouch = (settings: object = {}) => ok(`POST /v1/tenants/${tenant}/idps`, 201, { ...body, ...settings })
  return { tenant, provider, node, entry, vouch }
}

const eventsOf = async (tenant: string, type: string) =>
  (await ok(`GET /v1/events?tenant=${tenant}&type=${type}&limit=50`, 200)).items
const admission = (tenant: string) => ok(`GET /v1/tenants/${tenant}/admission`, 200)
const newCsr = () => csrOf(generateKeyNow('P-256'))
const certificateBy = async (token: string) =>
  server.call('POST /v1/agent/auth/cert', { token, body: { csr: await newCsr() } })
const codeOf = ({ status, body }: Answer) => (status < 400 ? status : body.code)
const BOOTSTRAP = 'POST /v1/agent/bootstrap'
const X509 = 'POST /v1/node/svids/x509'
const JWT = 'POST /v1/node/svids/jwt'
const WIT = 'POST /v1/node/svids/wit'

describe('while a provider may vouch for the agents of a tenant', () => {
  test('we mint none there, for no role', async () => {
    const { tenant, vouch } = await place()
    const other = await place()
    await vouch()
    const agent = { tenant, agent: 'invoice' }
    for (const token of [
      admin,
      await server.apiKey('issuer'),
      await server.apiKey('operator', { tenant }),
      await server.apiKey('admin', { tenant }),
    ])
      await refused('federation_required', BOOTSTRAP, agent, { token })
    // Said to whoever may ask at all, before anything is said of the agent.
    await refused('federation_required', BOOTSTRAP, { tenant, agent: 'nobody' })
    await refused('permission_missing', BOOTSTRAP, agent, { token: await server.apiKey('auditor') })
    await refused('tenant_mismatch', BOOTSTRAP, agent, {
      token: await server.apiKey('admin', { tenant: other.tenant }),
    })
    await refused('agent_not_covered', BOOTSTRAP, agent, { token: await server.apiKey('issuer', { agents: 'x-*' }) })
    assert.equal((await call(BOOTSTRAP, { ...agent, tenant: other.tenant })).status, 200)
  })

  test('no node gets a first identity for its workloads, of any kind', async () => {
    const { tenant, node, entry, vouch } = await place()
    await vouch()
    const asNode = { token: undefined, tls: node }
    await refused('federation_required', X509, { entry, csr: await newCsr() }, asNode)
    await refused('federation_required', JWT, { entry, audience: ['billing'] }, asNode)
    await refused('federation_required', WIT, { entry, csr: await newCsr() }, asNode)
    assert.deepEqual(await eventsOf(tenant, 'lineage.opened'), [])
    assert.equal((await eventsOf(tenant, 'cert.refused'))[0].detail.code, 'federation_required')
  })

  test('what was asked for before, and is recorded after, is not recorded', async () => {
    const asked = {
      x509: async (entry: string) => [X509, { entry, csr: await newCsr() }] as const,
      jwt: async (entry: string) => [JWT, { entry, audience: ['billing'] }] as const,
    }
    for (const kind of ['x509', 'jwt'] as const) {
      const { tenant, node, entry, vouch } = await place()
      const [line, body] = await asked[kind](entry)
      meanwhile = vouch
      await refused('federation_required', line, body, { token: undefined, tls: node })
      assert.deepEqual(await eventsOf(tenant, 'lineage.opened'), [])
    }
  })

  test('it is judged by the settings of this moment', async () => {
    const { tenant, provider, vouch } = await place()
    const { id } = await vouch()
    const bootstrap = async (sub: string) =>
      server.call('POST /v1/agent/federated-bootstrap', {
        token: await provider.sign({ sub }),
        headers: { 'x-lanyard-tenant-id': tenant },
      })
    const path = `/v1/tenants/${tenant}/idps/${id}`
    meanwhile = () => ok(`PATCH ${path}`, 200, { required_claims: { env: 'prod' } })
    assert.equal(codeOf(await bootstrap('worker')), 'not_ready')
    meanwhile = () => ok(`PATCH ${path}`, 200, { required_claims: {}, enabled: false })
    assert.equal(codeOf(await bootstrap('worker')), 'external_token_invalid')
    await ok(`PATCH ${path}`, 200, { enabled: true })
    meanwhile = () => ok(`PATCH ${path}`, 200, { enabled: false })
    assert.equal(codeOf(await bootstrap('worker')), 'idp_disabled')
    await ok(`PATCH ${path}`, 200, { enabled: true })
    meanwhile = () => ok(`DELETE ${path}`, 204)
    assert.equal(codeOf(await bootstrap('worker')), 'idp_unknown')
    await refused('agent_unknown', `GET /v1/agents/${tenant}/worker`)
  })
})

describe('what began internally', () => {
  test('goes on where the tenant lets it drain, until it is told to end', async () => {
    const { tenant, node, entry, vouch } = await place()
    const held = await server.certificate({ tenant, agent: 'invoice' })
    const unused = await server.token({ tenant, agent: 'invoice' })
    const workload = await ok(X509, 201, { entry, csr: await newCsr() }, { token: undefined, tls: node })
    assert.deepEqual(await admission(tenant), {
      ...{ tenant, on_federation: 'drain', agent_mtls_required: null, agent_mtls_ca: null },
      ...{ federation_required: false, internal_lineages: 3 },
    })
    await vouch()
    const [began] = await eventsOf(tenant, 'federation.began')
    assert.deepEqual(began.detail, { on_federation: 'drain' })
    assert.equal((await server.call('GET /v1/whoami', { tls: held })).status, 200)
    assert.equal((await certificateBy(unused)).status, 201)
    const follows = { renews: { lineage: workload.lineage, serial: workload.serial } }
    await ok(X509, 201, { entry, csr: await newCsr(), ...follows }, { token: undefined, tls: node })
    const ended = await ok(`PATCH /v1/tenants/${tenant}/admission`, 200, { on_federation: 'end' })
    assert.deepEqual([ended.federation_required, ended.internal_lineages], [true, 0])
    await everythingEnded({ tenant, node, entry, held, unused, follows })
  })

  test('ends in the transaction that begins federation, where the tenant has it so', async () => {
    const { tenant, provider, node, entry, vouch } = await place()
    const other = await place()
    const spared = await server.certificate({ tenant: other.tenant, agent: 'invoice' })
    const held = await server.certificate({ tenant, agent: 'invoice' })
    const unused = await server.token({ tenant, agent: 'invoice' })
    const workload = await ok(X509, 201, { entry, csr: await newCsr() }, { token: undefined, tls: node })
    await ok(`PATCH /v1/tenants/${tenant}/admission`, 200, { on_federation: 'end' })
    assert.equal((await admission(tenant)).internal_lineages, 3)
    const { epoch } = server.feed.stats
    const { id } = await vouch({ enabled: false })
    assert.equal((await admission(tenant)).internal_lineages, 3)
    await ok(`PATCH /v1/tenants/${tenant}/idps/${id}`, 200, { enabled: true })
    assert.ok(server.feed.stats.epoch > epoch)
    const follows = { renews: { lineage: workload.lineage, serial: workload.serial } }
    await everythingEnded({ tenant, node, entry, held, unused, follows })
    assert.equal((await server.call('GET /v1/whoami', { tls: spared })).status, 200)
    // What a provider vouched for began nowhere else.
    const token = await provider.sign({ sub: 'worker' })
    const headers = { 'x-lanyard-tenant-id': tenant }
    const { body } = await server.call('POST /v1/agent/federated-bootstrap', { token, headers })
    await ok(`PATCH /v1/tenants/${tenant}/admission`, 200, { on_federation: 'end' })
    assert.equal((await certificateBy(body.token)).status, 201)
  })

  interface Held {
    readonly tenant: string
    readonly node: HeldNode
    readonly entry: string
    readonly held: Awaited<ReturnType<HttpHarness['certificate']>>
    readonly unused: string
    readonly follows: object
  }

  async function everythingEnded({ tenant, node, entry, held, unused, follows }: Held): Promise<void> {
    assert.equal((await server.call('GET /v1/whoami', { tls: held })).body.code, 'certificate_revoked')
    const renewed = await server.call('POST /v1/agent/auth/cert', { tls: held, body: { csr: await newCsr() } })
    assert.equal(renewed.body.code, 'certificate_revoked')
    assert.equal(codeOf(await certificateBy(unused)), 'lineage_ended')
    const asNode = { token: undefined, tls: node }
    await refused('lineage_ended', X509, { entry, csr: await newCsr(), ...follows }, asNode)
    await refused('federation_required', X509, { entry, csr: await newCsr() }, asNode)
    const { items } = await ok(`GET /v1/certificates?tenant=${tenant}&alive=true`, 200)
    assert.deepEqual(items, [])
    const told = await eventsOf(tenant, 'cert.revoked')
    assert.ok(told.length > 0 && told.every(({ agent }: { agent: string }) => agent === 'invoice'))
  }
})

describe('when no provider may vouch any more', () => {
  test('we may mint again, and both are told', async () => {
    const { tenant, vouch } = await place()
    const first = await vouch()
    const provider = await providers.make(`https://second-${tenant}.test`)
    const second = await ok(`POST /v1/tenants/${tenant}/idps`, 201, {
      ...{ issuer: provider.issuer, audiences: ['a'], allow_agent_federation: true },
    })
    const agent = { tenant, agent: 'invoice' }
    await ok(`DELETE /v1/tenants/${tenant}/idps/${first.id}`, 204)
    await refused('federation_required', BOOTSTRAP, agent)
    await ok(`PATCH /v1/tenants/${tenant}/idps/${second.id}`, 200, { allow_agent_federation: false })
    assert.equal((await call(BOOTSTRAP, agent)).status, 200)
    assert.equal((await eventsOf(tenant, 'federation.began')).length, 1)
    assert.equal((await eventsOf(tenant, 'federation.ended')).length, 1)
    await ok(`PATCH /v1/tenants/${tenant}/idps/${second.id}`, 200, { allow_agent_federation: true })
    await ok('POST /v1/kill', 202, { minted_by: `idp:${second.id}`, reason: 'test' })
    assert.equal((await eventsOf(tenant, 'federation.ended')).length, 2)
  })
})

describe('providers', () => {
  test('are as they were made, changed and listed', async () => {
    const { tenant, vouch, provider } = await place()
    const made = await vouch({ allow_agent_federation: undefined })
    const { id, created_at, updated_at, ...rest } = made
    assert.match(id, /^[0-9a-f]{32}$/)
    assert.equal(created_at, updated_at)
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
      ...[{ required_claims: { x: [] } }, { required_claims: { x: null } }, { required_claims: { x: { y: 1 } } }],
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
    const { id } = await vouch({ required_claims: { env: 'prod' } })
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
