import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codeOf } from '../testing/client.ts'
import type { Claims } from '../testing/provider.ts'
import { federationStage } from '../testing/stages.ts'

const { server, admin, ok, federated, eventsOf } = await federationStage()

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

  test('by its form, and says what is wrong with it', async () => {
    const { provider, send } = await federated()
    const base64Url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const WRONG: [header: object, said: RegExp][] = [
      [{ alg: 'none' }, /expected alg to be one of .*, got "none"/],
      [{ alg: 'HS256' }, /expected alg to be one of .*, got "HS256"/],
      [{ alg: 'RS256', crit: ['exp'] }, /expected no header crit/],
      [{ alg: 'RS256', jku: 'https://evil.test/keys' }, /expected no header jku/],
      [{ alg: 'RS256', typ: 'dpop+jwt' }, /expected typ JWT or at\+jwt, got "dpop\+jwt"/],
    ]
    for (const [header, said] of WRONG) {
      const { status, body } = await send(`${base64Url(header)}.${base64Url({ iss: provider.issuer })}.AAAA`)
      assert.deepEqual([status, body.code], [401, 'external_token_invalid'])
      assert.match(body.detail, said)
    }
    assert.match((await send(`${base64Url({ alg: 'RS256' })}.${base64Url({})}.AAAA`)).body.detail, /expected iss/)
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
