import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import type { HttpParts } from '../http/ports.ts'
import { adminCalls } from '../testing/admin-calls.ts'
import { type Answer, codeOf } from '../testing/client.ts'
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

  test('whoever tries to, tells the tenant so, once a minute for each agent', async () => {
    const { tenant, entry, vouch } = await place()
    const node = await joinNode(server, { name: `all-${tenant}` })
    await vouch()
    const agent = { tenant, agent: 'invoice' }
    const secretOf = (name: string) => `POST /v1/agents/${tenant}/${name}/secret`
    for (let times = 3; times > 0; times--) {
      await refused('federation_required', BOOTSTRAP, agent)
      await refused('federation_required', secretOf('invoice'))
      await refused('federation_required', secretOf('nobody'))
      await refused('federation_required', JWT, { entry, audience: ['billing'] }, { token: undefined, tls: node })
    }
    const told = async (type: string) =>
      (await eventsOf(tenant, type)).map((event: Record<string, unknown>) => [event.agent, event.outcome, event.detail])
    const detail = { code: 'federation_required', more_since_last: 0 }
    assert.deepEqual(await told('mint.refused'), [
      ['nobody', 'refused', detail],
      ['invoice', 'refused', detail],
    ])
    assert.deepEqual(await told('cert.refused'), [['invoice', 'refused', detail]])
    await refused('agent_not_covered', BOOTSTRAP, agent, { token: await server.apiKey('issuer', { agents: 'x-*' }) })
    assert.equal((await told('mint.refused')).length, 2)
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
