import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { decodeJwt } from 'jose'
import { adminCalls } from '../testing/admin-calls.ts'
import type { Answer } from '../testing/client.ts'
import { csrOf, type HttpHarness, openHttp } from '../testing/http.ts'
import { type Claims, Providers, type TestProvider } from '../testing/provider.ts'

const providers = new Providers()
let server: HttpHarness
let admin: string

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 }, parts: providers.parts })
  admin = await server.apiKey('admin')
})
after(() => server.close())

const { call, ok, refused } = adminCalls(
  () => server,
  () => admin,
)

let made = 0
interface Federated {
  readonly tenant: string
  readonly provider: TestProvider
  /** The provider as it is configured. */
  // biome-ignore lint/suspicious/noExplicitAny: replies of every form
  readonly idp: any
  bootstrap(claims: Claims, body?: object): Promise<Answer>
  send(token: string, body?: object, tenant?: string): Promise<Answer>
}

/** A tenant of its own for each test, with a provider that may vouch. */
async function federated(settings: object = {}, tenant = `f${++made}`): Promise<Federated> {
  await call('POST /v1/tenants', { tenant })
  const provider = await providers.make(`https://${tenant}-${++made}.test`)
  const body = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true, ...settings }
  const idp = await ok(`POST /v1/tenants/${tenant}/idps`, 201, body)
  const send = (token: string, sent?: object, named = tenant) =>
    server.call('POST /v1/agent/federated-bootstrap', {
      token,
      headers: { 'x-lanyard-tenant-id': named },
      ...(sent === undefined ? {} : { body: sent }),
    })
  return { tenant, provider, idp, send, bootstrap: async (claims, sent) => send(await provider.sign(claims), sent) }
}

const agentOf = (tenant: string, agent: string) => ok(`GET /v1/agents/${tenant}/${agent}`, 200)
const eventsOf = async (tenant: string, type: string) =>
  (await ok(`GET /v1/events?tenant=${tenant}&type=${type}&limit=50`, 200)).items
const certificateBy = async (token: string) =>
  server.call('POST /v1/agent/auth/cert', { token, body: { csr: await csrOf(generateKeyNow('P-256')) } })
const codeOf = ({ status, body }: Answer) => (status < 400 ? status : body.code)

describe('a token of the provider of a tenant', () => {
  test('opens a lineage for the agent that it names, which is registered and gets certificates', async () => {
    const { tenant, provider, idp, bootstrap } = await federated({ tier: 'bronze' })
    const answer = await bootstrap({ sub: 'worker' })
    assert.equal(answer.status, 200, answer.text)
    const { token, token_type, expires_in, spiffe_id } = answer.body
    assert.deepEqual([token_type, expires_in], ['Bearer', 900])
    assert.equal(spiffe_id, `spiffe://example.test/tenant/${tenant}/agent/worker`)
    const { status, body } = await certificateBy(token)
    assert.deepEqual([status, body.reputation_tier], [201, 'bronze'])
    const agent = await agentOf(tenant, 'worker')
    assert.deepEqual(
      [agent.identity_provenance, agent.external_subject, agent.tier, agent.lifecycle],
      [`federated:${provider.issuer}`, 'worker', 'bronze', 'active'],
    )
    const [brought] = await eventsOf(tenant, 'agent.federated')
    const [opened] = await eventsOf(tenant, 'agent.bootstrapped')
    assert.deepEqual([brought.actor, opened.actor], [`idp:${idp.id}`, `idp:${idp.id}`])
    assert.equal(brought.correlation_id, opened.correlation_id)
    assert.equal(brought.detail.external_subject, 'worker')
  })

  test('names the agent by what is no name, too, and the one that it is stays beside it', async () => {
    const { tenant, bootstrap } = await federated()
    const subjects = ['Worker 7', 'auth0|5f7c8ec7c33c6c004bbafe82', 'WORKER', 'worker/../admin', 'ü', 'x'.repeat(64)]
    const names = new Set<string>()
    for (const sub of [...subjects, `f-${'a'.repeat(52)}`]) {
      const { body } = await bootstrap({ sub })
      const name = body.spiffe_id.split('/').at(-1)
      assert.match(name, /^f-[a-z2-7]{52}$/)
      assert.equal((await agentOf(tenant, name)).external_subject, sub)
      names.add(name)
    }
    assert.equal(names.size, subjects.length + 1)
    assert.ok(!names.has(`f-${'a'.repeat(52)}`))
  })

  test('comes again to the same agent, whatever was made of that meanwhile', async () => {
    const { tenant, idp, bootstrap } = await federated({ tier: 'gold' })
    await bootstrap({ sub: 'worker' })
    await ok(`PATCH /v1/agents/${tenant}/worker`, 200, { tier: 'restricted', owner: 'Ops', lifecycle: 'restricted' })
    await ok(`PATCH /v1/tenants/${tenant}/idps/${idp.id}`, 200, { tier: 'platinum' })
    assert.equal((await bootstrap({ sub: 'worker' })).status, 200)
    const agent = await agentOf(tenant, 'worker')
    assert.deepEqual([agent.tier, agent.owner, agent.lifecycle], ['restricted', 'Ops', 'restricted'])
    assert.equal((await eventsOf(tenant, 'agent.federated')).length, 1)
  })

  test('takes over no agent that came from elsewhere', async () => {
    const { tenant, bootstrap, provider } = await federated()
    await ok('POST /v1/agents', 201, { tenant, agent: 'ledger' })
    const before = await agentOf(tenant, 'ledger')
    assert.equal(codeOf(await bootstrap({ sub: 'ledger' })), 'agent_provenance_conflict')
    assert.deepEqual(await agentOf(tenant, 'ledger'), before)
    // Another provider of the same tenant, and the same provider by another claim.
    assert.equal((await bootstrap({ sub: 'worker' })).status, 200)
    const second = await federated({}, tenant)
    assert.equal(codeOf(await second.bootstrap({ sub: 'worker' })), 'agent_provenance_conflict')
    const [{ id }] = (await ok(`GET /v1/tenants/${tenant}/idps`, 200)).items.filter(
      ({ issuer }: { issuer: string }) => issuer === provider.issuer,
    )
    await ok(`PATCH /v1/tenants/${tenant}/idps/${id}`, 200, { claim_mapping: { agentId: '/app/name' } })
    assert.equal(codeOf(await bootstrap({ sub: 'x', app: { name: 'ledger' } })), 'agent_provenance_conflict')
    assert.equal((await bootstrap({ sub: 'x', app: { name: 'worker' } })).status, 200)
    const [told] = await eventsOf(tenant, 'federation.refused')
    assert.deepEqual([told.detail.code, told.outcome], ['agent_provenance_conflict', 'refused'])
  })

  test('opens one lineage, for the first key that uses it', async () => {
    const { tenant, provider, send } = await federated()
    const token = await provider.sign({ sub: 'worker' })
    const jkt = 'k'.repeat(43)
    const first = await send(token, { jkt })
    assert.equal(first.status, 200, first.text)
    server.clock.advance(100)
    const again = await send(token, { jkt })
    assert.equal(again.body.expires_in, 800)
    assert.equal(decodeJwt(again.body.token).jti, decodeJwt(first.body.token).jti)
    for (const body of [{ jkt: 'x'.repeat(43) }, undefined, {}])
      assert.equal(codeOf(await send(token, body)), 'token_reused')
    const reused = await eventsOf(tenant, 'token.reused')
    assert.equal(reused.length, 3)
    assert.equal(reused[0].detail.lineage, decodeJwt(first.body.token).lin)
    assert.equal((await eventsOf(tenant, 'agent.bootstrapped')).length, 1)
  })

  test('that lies unused for long opens nothing again once its agent token has ended', async () => {
    const { provider, send } = await federated()
    const iat = Math.floor(server.clock.now() / 1000)
    const token = await provider.sign({ sub: 'worker', exp: iat + 3000 })
    assert.equal((await send(token)).status, 200)
    server.clock.advance(899)
    assert.equal((await send(token)).body.expires_in, 1)
    server.clock.advance(1)
    assert.equal(codeOf(await send(token)), 'token_reused')
  })

  test('that comes many times at once opens one lineage, and registers one agent', async () => {
    const { tenant, provider, send } = await federated()
    const token = await provider.sign({ sub: 'worker' })
    const jkts = ['a'.repeat(43), 'b'.repeat(43)]
    const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => send(token, { jkt: jkts[index % 2] })))
    const codes = answers.map(codeOf)
    assert.equal(codes.filter(code => code === 200).length, 6)
    assert.equal(codes.filter(code => code === 'token_reused').length, 6)
    const jtis = answers.filter(({ status }) => status === 200).map(({ body }) => decodeJwt(body.token).jti)
    assert.equal(new Set(jtis).size, 1)
    assert.equal((await eventsOf(tenant, 'agent.federated')).length, 1)
  })

  test('of many agents at once registers each once', async () => {
    const { tenant, bootstrap } = await federated()
    const subs = Array.from({ length: 20 }, (_, index) => `w${index % 10}`)
    const answers = await Promise.all(subs.map(sub => bootstrap({ sub })))
    assert.ok(answers.every(({ status }) => status === 200))
    assert.equal((await eventsOf(tenant, 'agent.federated')).length, 10)
  })
})

describe('a token is refused', () => {
  const WRONG: [code: string, name: string, claims: Claims][] = [
    ['external_token_invalid', 'without the claim that names the agent', { sub: undefined }],
    ['external_token_invalid', 'with a number for a name', { sub: 7 }],
    ['external_token_invalid', 'with an empty name', { sub: '' }],
    ['external_token_invalid', 'with a list of names', { sub: ['worker'] }],
    ['external_token_invalid', 'with a name too long', { sub: 'x'.repeat(1025) }],
    ['external_token_invalid', 'with a name that no store keeps', { sub: 'a\0b' }],
    ['external_token_invalid', 'with half a character', { sub: 'a\ud800' }],
    ['external_token_invalid', 'for another audience', { sub: 'worker', aud: 'https://other.test' }],
    ['external_token_invalid', 'for an audience too many', { sub: 'worker', aud: ['https://lanyard.test', 'x'] }],
    ['external_token_expired', 'that has ended', { sub: 'worker', exp: 1_000_000_000 }],
    ['external_token_invalid', 'without an end', { sub: 'worker', exp: undefined }],
  ]
  for (const [code, name, claims] of WRONG)
    test(name, async () => {
      const { bootstrap } = await federated()
      assert.equal(codeOf(await bootstrap(claims)), code)
    })

  test('by the claims that its provider must put into it', async () => {
    const required = { env: ['prod', 'stage'], '/app/tier': 2, groups: 'agents' }
    const { tenant, bootstrap } = await federated({ required_claims: required })
    const good = { sub: 'worker', env: 'prod', app: { tier: 2 }, groups: ['others', 'agents'] }
    assert.equal((await bootstrap(good)).status, 200)
    const wrong: Claims[] = [
      ...[{ env: 'dev' }, { env: undefined }, { env: ['dev'] }, { env: { prod: true } }, { env: 'PROD' }],
      ...[{ app: { tier: '2' } }, { app: 2 }, { app: null }, { groups: ['agents2'] }, { groups: [['agents']] }],
    ]
    for (const change of wrong)
      assert.equal(codeOf(await bootstrap({ ...good, ...change })), 'external_token_invalid', JSON.stringify(change))
    // Told, since the provider did sign them; the same in a minute is counted.
    assert.equal((await eventsOf(tenant, 'federation.refused')).length, 1)
  })

  test('when nobody signed it, of which nothing is told', async () => {
    const { tenant, provider, send } = await federated()
    const stranger = await federated()
    const forged = await stranger.provider.sign({ sub: 'worker', iss: provider.issuer })
    assert.equal(codeOf(await send(forged)), 'external_token_invalid')
    assert.deepEqual(await eventsOf(tenant, 'federation.refused'), [])
  })

  test('in another tenant, in none, and in one that is not there', async () => {
    const { tenant, provider, send } = await federated()
    const other = await federated()
    const token = await provider.sign({ sub: 'worker' })
    assert.equal(codeOf(await send(token, undefined, other.tenant)), 'idp_unknown')
    assert.equal(codeOf(await send(token, undefined, 'nobody')), 'idp_unknown')
    assert.equal(codeOf(await send(token, undefined, 'No Name')), 'name_invalid')
    const path = 'POST /v1/agent/federated-bootstrap'
    assert.equal(codeOf(await server.call(path, { token })), 'tenant_header_missing')
    assert.equal(codeOf(await server.call(path)), 'unauthenticated')
    // Where both have a provider of the same name it is spent once.
    const body = { issuer: provider.issuer, audiences: [provider.audience], allow_agent_federation: true }
    await ok(`POST /v1/tenants/${other.tenant}/idps`, 201, body)
    assert.equal(codeOf(await send(token, undefined, other.tenant)), 200)
    assert.equal(codeOf(await send(token, undefined, tenant)), 'token_reused')
    assert.equal((await eventsOf(tenant, 'token.reused'))[0].detail.lineage, null)
  })

  test('when it is none of a provider', async () => {
    const { tenant, send } = await federated()
    await server.agent({ tenant: `${tenant}x`, agent: 'a' })
    const ours = await server.token({ tenant: `${tenant}x`, agent: 'a' })
    assert.equal(codeOf(await send('opaque-text')), 'external_token_invalid')
    assert.equal(codeOf(await send(ours)), 'unauthenticated')
    assert.equal(codeOf(await send(admin)), 'unauthenticated')
  })

  test('at every other route', async () => {
    const { provider, tenant } = await federated()
    const token = await provider.sign({ sub: 'worker' })
    for (const line of [
      'GET /v1/whoami',
      'GET /v1/agents',
      `GET /v1/tenants/${tenant}/idps`,
      'POST /v1/agent/auth/cert',
    ])
      assert.equal(
        (await server.call(line, { token, body: line.startsWith('POST') ? {} : undefined })).status,
        401,
        line,
      )
  })
})

describe('the provider', () => {
  test('vouches while it is enabled and may, and is asked again in the transaction', async () => {
    const { tenant, idp, provider, bootstrap, send } = await federated()
    const path = `/v1/tenants/${tenant}/idps/${idp.id}`
    await ok(`PATCH ${path}`, 200, { enabled: false })
    assert.equal(codeOf(await bootstrap({ sub: 'worker' })), 'idp_disabled')
    await ok(`PATCH ${path}`, 200, { enabled: true, allow_agent_federation: false })
    assert.equal(codeOf(await bootstrap({ sub: 'worker' })), 'idp_disabled')
    await ok(`PATCH ${path}`, 200, { allow_agent_federation: true })
    assert.equal((await bootstrap({ sub: 'worker' })).status, 200)
    provider.isAway = true
    assert.equal((await bootstrap({ sub: 'worker' })).status, 200)
    const token = await provider.sign({ sub: 'worker' })
    await ok(`DELETE ${path}`, 204)
    assert.equal(codeOf(await send(token)), 'idp_unknown')
  })

  test('rotates its keys, goes away, and calls itself otherwise', async () => {
    const { provider, bootstrap } = await federated()
    assert.equal((await bootstrap({ sub: 'worker' })).status, 200)
    const old = await provider.sign({ sub: 'worker' })
    await provider.rotate()
    server.clock.advance(60)
    assert.equal((await bootstrap({ sub: 'worker' })).status, 200)
    assert.ok(old)
    assert.equal(codeOf(await bootstrap({ sub: 'worker', iss: `${provider.issuer}/` })), 'idp_unknown')
    assert.equal(codeOf(await bootstrap({ sub: 'worker', iss: provider.issuer.toUpperCase() })), 'idp_unknown')
  })

  test('that nobody can reach vouches for nobody', async () => {
    const { provider, bootstrap } = await federated()
    provider.isAway = true
    assert.equal(codeOf(await bootstrap({ sub: 'worker' })), 'idp_unreachable')
  })
})

describe('who is dead', () => {
  test('comes back by no token of before', async () => {
    const { tenant, provider, bootstrap, send } = await federated()
    const spent = await provider.sign({ sub: 'worker' })
    const kept = await provider.sign({ sub: 'worker' })
    const { body } = await send(spent)
    assert.equal((await certificateBy(body.token)).status, 201)
    await ok(`POST /v1/agents/${tenant}/worker/kill`, 202, { reason: 'test' })
    for (const token of [spent, kept]) assert.equal(codeOf(await send(token)), 'agent_quarantined')
    assert.equal(codeOf(await bootstrap({ sub: 'worker' })), 'agent_quarantined')
    server.clock.advance(2)
    await ok(`POST /v1/agents/${tenant}/worker/reinstate`, 200, { reason: 'test' })
    assert.equal(codeOf(await send(spent)), 'lineage_ended')
    assert.equal(codeOf(await send(kept)), 'incarnation_dead')
    server.clock.advance(2)
    const back = await bootstrap({ sub: 'worker' })
    assert.equal(back.status, 200)
    assert.equal(decodeJwt(back.body.token).inc, 2)
    await ok(`DELETE /v1/agents/${tenant}/worker`, 204)
    assert.equal(codeOf(await bootstrap({ sub: 'worker' })), 'agent_retired')
  })

  test('with its whole tenant comes back by no token of before, known or not', async () => {
    const { tenant, provider, bootstrap, send } = await federated()
    await bootstrap({ sub: 'worker' })
    const kept = [await provider.sign({ sub: 'worker' }), await provider.sign({ sub: 'newcomer' })]
    await ok(`POST /v1/tenants/${tenant}/kill`, 202, { reason: 'test' })
    for (const token of kept) assert.equal(codeOf(await send(token)), 'tenant_killed')
    server.clock.advance(2)
    await ok(`POST /v1/tenants/${tenant}/reinstate`, 200, { reason: 'test' })
    for (const token of kept) assert.equal(codeOf(await send(token)), 'incarnation_dead')
    server.clock.advance(1)
    assert.equal((await bootstrap({ sub: 'worker' })).status, 200)
    assert.equal((await bootstrap({ sub: 'newcomer' })).status, 200)
  })

  test('is all that a provider vouched for, by one kill, and the provider with it', async () => {
    const { tenant, idp, bootstrap } = await federated()
    const other = await federated({}, tenant)
    const tokens = []
    for (const sub of ['a', 'b', 'c']) tokens.push((await bootstrap({ sub })).body.token)
    const spared = (await other.bootstrap({ sub: 'd' })).body.token
    assert.equal((await certificateBy(tokens[0])).status, 201)
    const target = { minted_by: `idp:${idp.id}`, reason: 'its key was stolen' }
    const operator = await server.apiKey('operator', { tenant })
    const elsewhere = await server.apiKey('admin', { tenant: (await federated()).tenant })
    await refused('permission_missing', 'POST /v1/kill', target, { token: operator })
    await refused('not_found', 'POST /v1/kill', target, { token: elsewhere })
    await refused('not_found', 'POST /v1/kill', { ...target, minted_by: `idp:${'0'.repeat(32)}` })
    await ok('POST /v1/kill', 202, target)
    for (const token of tokens) assert.equal(codeOf(await certificateBy(token)), 'lineage_ended')
    assert.equal((await certificateBy(spared)).status, 201)
    assert.equal(codeOf(await bootstrap({ sub: 'a' })), 'idp_disabled')
    assert.equal((await ok(`GET /v1/tenants/${tenant}/idps/${idp.id}`, 200)).enabled, false)
    // Its agents lose what it gave them, and not their lifecycle.
    assert.equal((await agentOf(tenant, 'a')).lifecycle, 'active')
  })

  test('is what a provider vouched for that was deleted since, too', async () => {
    const { tenant, idp, bootstrap } = await federated()
    const { token } = (await bootstrap({ sub: 'a' })).body
    await ok(`DELETE /v1/tenants/${tenant}/idps/${idp.id}`, 204)
    assert.equal((await certificateBy(token)).status, 201)
    await ok('POST /v1/kill', 202, { minted_by: `idp:${idp.id}`, reason: 'test' })
    assert.equal(codeOf(await certificateBy(token)), 'lineage_ended')
  })

  test('takes nobody along who has the same provider', async () => {
    const { tenant, bootstrap } = await federated()
    const [a, b] = [(await bootstrap({ sub: 'a' })).body.token, (await bootstrap({ sub: 'b' })).body.token]
    await ok(`POST /v1/agents/${tenant}/a/kill`, 202, { reason: 'test', scope: 'api-key' })
    assert.equal(codeOf(await certificateBy(a)), 'agent_quarantined')
    assert.equal((await certificateBy(b)).status, 201)
  })
})
