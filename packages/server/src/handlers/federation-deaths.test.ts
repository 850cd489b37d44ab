import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { codeOf } from '../testing/client.ts'
import { federationStage } from '../testing/stages.ts'

const { server, ok, refused, federated, agentOf, certificateBy } = await federationStage()

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
