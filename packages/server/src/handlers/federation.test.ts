import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { codeOf } from '../testing/client.ts'
import { federationStage } from '../testing/stages.ts'

const { server, ok, federated, agentOf, eventsOf, certificateBy } = await federationStage()

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

  test('is judged by policies as the agent that it brings, which is not there yet', async () => {
    const { tenant, provider, bootstrap } = await federated({ tier: 'bronze' })
    const unless = (known: string) =>
      `forbid (principal, action == Lanyard::Action::"issue", resource is Lanyard::Agent) unless { ${known} };`
    const activate = async (...conditions: readonly string[]) => {
      const policies = ['permit (principal, action, resource);', ...conditions.map(unless)].join('\n')
      const { version } = await ok('POST /v1/policies', 201, { policies, tenant })
      await ok(`POST /v1/policies/${version}/activate`, 200, { tenant })
    }
    const vouched = (issuer: string) => `resource has provenance && resource.provenance == "federated:${issuer}"`
    await activate(vouched(provider.issuer), 'resource has tier && resource.tier == "bronze"', 'principal == resource')
    const { status, body, text } = await bootstrap({ sub: 'newcomer' })
    assert.equal(status, 200, text)
    assert.equal((await certificateBy(body.token)).status, 201)
    await activate(vouched('https://elsewhere.test'))
    assert.equal(codeOf(await bootstrap({ sub: 'another' })), 'policy_denied')
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
    assert.equal(reused.length, 1, 'once a minute, however often it comes')
    assert.equal(reused[0].detail.lineage, decodeJwt(first.body.token).lin)
    server.clock.advance(60)
    assert.equal(codeOf(await send(token)), 'token_reused')
    assert.equal((await eventsOf(tenant, 'token.reused'))[0].detail.more_since_last, 2)
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
