import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { type Route, routes } from '@lanyard/api'
import { Certificate, decodePem, jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { type Answer, type CallOptions, send } from '../testing/client.ts'
import { csrOf, pemOf } from '../testing/http.ts'
import { adminStage } from '../testing/stages.ts'

const { server, call, ok, refused } = await adminStage()

/** All pages of a list, by cursors. */
async function pages(path: string, limit: number): Promise<Answer['body'][][]> {
  const found: Answer['body'][][] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const more = cursor === '' ? '' : `&cursor=${cursor}`
    const page: Answer['body'] = await ok(`GET ${path}limit=${limit}${more}`, 200)
    found.push(page.items)
    cursor = page.next_cursor
  }
  return found
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/

describe('tenants', () => {
  test('are created, shown, changed and listed', async () => {
    const made = await ok('POST /v1/tenants', 201, { tenant: 't1', key_policy: 'rsa-only' })
    assert.deepEqual([made.tenant, made.key_policy, made.renewal_grace_sec], ['t1', 'rsa-only', 3600])
    assert.match(made.created_at, TIME)
    await refused('tenant_exists', 'POST /v1/tenants', { tenant: 't1' })
    const changed = await ok('PATCH /v1/tenants/t1', 200, { renewal_grace_sec: 0 })
    assert.deepEqual([changed.key_policy, changed.renewal_grace_sec], ['rsa-only', 0])
    assert.deepEqual(await ok('GET /v1/tenants/t1', 200), changed)
    await refused('tenant_unknown', 'GET /v1/tenants/nobody')
    await refused('tenant_unknown', 'PATCH /v1/tenants/nobody', {})
    await refused('name_invalid', 'GET /v1/tenants/Nobody')
    for (const tenant of ['t2', 't3']) await ok('POST /v1/tenants', 201, { tenant })
    const names = (await pages('/v1/tenants?', 1)).map(page => page.map(({ tenant }) => tenant))
    assert.deepEqual(names, [['t1'], ['t2'], ['t3']])
  })
})

describe('agents', () => {
  const path = '/v1/agents/fleet/a1'
  before(() => ok('POST /v1/tenants', 201, { tenant: 'fleet' }))

  test('carry labels, but no library of them', async () => {
    await ok('POST /v1/tenants', 201, { tenant: 'wordy' })
    const key = { tenant: 'wordy', agent: 'a1' }
    const full = (value: string) =>
      Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`k${String(i).padStart(62, 'x')}`, value]))
    for (const labels of [full('x'.repeat(70)), full('\u0001'.repeat(12)), { '': 'x' }, { x: 'y'.repeat(256) }])
      await refused('body_invalid', 'POST /v1/agents', { ...key, labels })
    await ok('POST /v1/agents', 201, { ...key, labels: full('x'.repeat(50)) })
  })

  test('are registered, shown, changed, listed and retired', async () => {
    const input = { tenant: 'fleet', agent: 'a1', tier: 'gold', owner: 'ops', labels: { env: 'test' } }
    const made = await ok('POST /v1/agents', 201, input)
    assert.deepEqual(
      [made.spiffe_id, made.lifecycle, made.tier, made.identity_provenance, made.incarnation, made.labels],
      ['spiffe://example.test/tenant/fleet/agent/a1', 'pending', 'gold', 'internal', 1, { env: 'test' }],
    )
    await refused('agent_exists', 'POST /v1/agents', input)
    await refused('tenant_unknown', 'POST /v1/agents', { tenant: 'nobody', agent: 'a1' })
    const changed = await ok(`PATCH ${path}`, 200, { tier: 'bronze', lifecycle: 'degraded', description: 'd' })
    assert.deepEqual([changed.tier, changed.lifecycle, changed.owner], ['bronze', 'degraded', 'ops'])
    await refused('lifecycle_forbidden', `PATCH ${path}`, { lifecycle: 'pending' })
    assert.deepEqual(await ok(`GET ${path}`, 200), changed)
    await refused('agent_unknown', 'GET /v1/agents/fleet/nobody')
    await ok('POST /v1/agents', 201, { tenant: 'fleet', agent: 'a2' })
    const listed = async (query: string) =>
      (await ok(`GET /v1/agents?tenant=fleet${query}`, 200)).items.map(({ agent }: { agent: string }) => agent)
    assert.deepEqual(await listed(''), ['a1', 'a2'])
    assert.deepEqual(await listed('&tier=bronze'), ['a1'])
    assert.deepEqual(await listed('&lifecycle=pending'), ['a2'])
    assert.deepEqual(await listed('&provenance=elsewhere'), [])
    assert.equal((await call('DELETE /v1/agents/fleet/a2')).status, 204)
    assert.equal((await ok('GET /v1/agents/fleet/a2', 200)).lifecycle, 'retired')
    await refused('agent_retired', 'PATCH /v1/agents/fleet/a2', { owner: 'x' })
    await refused('agent_retired', 'POST /v1/agents/fleet/a2/reinstate')
    await refused('agent_exists', 'POST /v1/agents', { tenant: 'fleet', agent: 'a2' })
  })

  test('leave quarantine by reinstatement alone, in their next incarnation', async () => {
    await refused('lifecycle_forbidden', `POST ${path}/reinstate`)
    await ok(`PATCH ${path}`, 200, { lifecycle: 'quarantined' })
    await refused('agent_quarantined', `PATCH ${path}`, { lifecycle: 'active' })
    await refused('agent_quarantined', 'POST /v1/agent/bootstrap', { tenant: 'fleet', agent: 'a1' })
    const back = await ok(`POST ${path}/reinstate`, 200, { reason: 'looked into it' })
    assert.deepEqual([back.lifecycle, back.incarnation], ['pending', 2])
  })

  test('need further permissions for further lifecycles', async () => {
    await ok('POST /v1/agents', 201, { tenant: 'fleet', agent: 'a3' })
    const token = await server.apiKey('auditor')
    await refused('permission_missing', 'PATCH /v1/agents/fleet/a3', { lifecycle: 'retired' }, { token })
  })
})

describe('certificates', () => {
  const agent = { tenant: 'certs', agent: 'c1' }
  before(async () => {
    await ok('POST /v1/tenants', 201, { tenant: 'certs', key_policy: 'modern' })
    await ok('POST /v1/agents', 201, agent)
  })

  const bootstrap = async (more: object = {}) =>
    (await ok('POST /v1/agent/bootstrap', 200, { ...agent, ...more })).token
  const issue = async (options: CallOptions, key = generateKeyNow('P-256'), more: object = {}) =>
    send(server.port, server.rootPem, 'POST /v1/agent/auth/cert', {
      ...options,
      body: { csr: await csrOf(key), ...more },
    })

  test('come for a CSR by an agent token, and are what the reply says', async () => {
    const key = generateKeyNow('P-256')
    const { status, body } = await issue({ token: await bootstrap() }, key)
    assert.equal(status, 201)
    const [block, ...more] = decodePem(body.certificate, { labels: ['CERTIFICATE'] })
    assert.equal(more.length, 0)
    const certificate = Certificate.fromDer(block!.der)
    assert.deepEqual(certificate.subjectAltName?.uri, [body.spiffe_id])
    assert.deepEqual(certificate.publicKey.der, spkiOf(key))
    assert.equal(certificate.serialHex, body.serial)
    assert.equal(Date.parse(body.not_before), certificate.notBefore * 1000)
    assert.equal(Date.parse(body.not_after), certificate.notAfter * 1000)
    assert.deepEqual([body.validity_sec, body.reputation_tier], [300, 'silver'])
    const half = Date.parse(body.renew_after) - server.clock.now()
    assert.ok(half >= 135_000 && half <= 165_000)
    assert.equal(decodePem(body.chain, { labels: ['CERTIFICATE'] }).length, 1)
    assert.equal(body.bundle, server.rootPem)
  })

  test('renew by themselves, over TLS that proves their key', async () => {
    const key = generateKeyNow('P-256')
    const first = await issue({ token: await bootstrap() }, key)
    const tls = { key: pemOf(key), cert: first.body.certificate + first.body.chain }
    const next = generateKeyNow('P-256')
    const second = await issue({ tls }, next)
    assert.equal(second.status, 201)
    // The reply was lost: the same key again is the same generation.
    assert.equal((await issue({ tls }, next)).status, 201)
    const [newest, retried] = (await ok('GET /v1/certificates?tenant=certs', 200)).items
    assert.deepEqual([newest.generation, retried.generation], [2, 2])
    assert.deepEqual([newest.parent, retried.parent], [first.body.serial, first.body.serial])
  })

  test('are refused by code', async () => {
    const token = await bootstrap()
    const csr = await csrOf(generateKeyNow('P-256'))
    const post = async (body: object) => (await postCsr(token, body)).body.code
    assert.equal(await post({ csr: 'rubbish' }), 'csr_invalid')
    assert.equal(await post({ csr: csr.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE') }), 'csr_invalid')
    assert.equal(await post({ csr: csr + csr }), 'csr_invalid')
    assert.equal(await post({ csr: 'x'.repeat(8193) }), 'body_invalid')
    assert.equal(await post({ csr, ttl_sec: 59 }), 'ttl_out_of_range')
    assert.equal(await post({ csr, ttl_sec: 301 }), 'ttl_out_of_range')
    assert.equal(await post({ csr, ttl_sec: 60.5 }), 'body_invalid')
    const broken = Buffer.from(csr.split('\n').slice(1, -2).join(''), 'base64')
    broken[broken.length - 1]! ^= 1
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${broken.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    assert.equal(await post({ csr: pem }), 'csr_signature_invalid')
    await ok('PATCH /v1/tenants/certs', 200, { key_policy: 'rsa-only' })
    const forbidden = await postCsr(token, { csr })
    assert.deepEqual([forbidden.body.code, forbidden.body.allowed], ['key_type_forbidden', ['RSA']])
    assert.match(forbidden.body.got, /P-256/)
    await ok('PATCH /v1/tenants/certs', 200, { key_policy: 'modern' })
  })

  const postCsr = (token: string, body: object) =>
    send(server.port, server.rootPem, 'POST /v1/agent/auth/cert', { token, body })

  test('by a token that is bound to a key come for that key alone', async () => {
    const [mine, other] = [generateKeyNow('P-256'), generateKeyNow('P-256')]
    const jkt = jwkThumbprint(jwkFromSpki(spkiOf(mine)), nodeCrypto)
    const token = await bootstrap({ jkt })
    assert.equal((await issue({ token }, other)).body.code, 'token_key_mismatch')
    assert.equal((await issue({ token }, mine)).status, 201)
  })

  test('by a token that was claimed come for the same key alone', async () => {
    const token = await bootstrap()
    const key = generateKeyNow('P-256')
    assert.equal((await issue({ token }, key)).status, 201)
    assert.equal((await issue({ token }, key)).status, 201)
    assert.equal((await issue({ token })).body.code, 'token_reused')
    const { items } = await ok('GET /v1/events?type=token.reused&tenant=certs', 200)
    assert.equal(items[0].outcome, 'refused')
  })

  test('are listed by what is asked, newest first, in pages', async () => {
    const everything = (await ok('GET /v1/certificates?limit=500', 200)).items
    const inPages = (await pages('/v1/certificates?tenant=certs&', 3)).flat()
    const serials = (list: Answer['body'][]) => list.map(({ serial }) => serial)
    assert.deepEqual(serials(inPages), serials(everything.filter((c: { tenant: string }) => c.tenant === 'certs')))
    const [newest] = inPages
    assert.deepEqual(serials((await ok(`GET /v1/certificates?serial=${newest.serial}`, 200)).items), [newest.serial])
    assert.deepEqual((await ok('GET /v1/certificates?agent=nobody', 200)).items, [])
    assert.match(newest.issued_at, TIME)
  })

  test('that are revoked take their lineage along, and are no longer alive', async () => {
    const mine = await server.certificate(agent)
    const body = { serial: mine.serial, reason: 'lost laptop' }
    // An agent may revoke its own, with the very certificate that this ends.
    const tls = { key: mine.key, cert: mine.cert }
    const revoked = await send(server.port, server.rootPem, 'POST /v1/agent/auth/revoke', { tls, body })
    assert.deepEqual(revoked.body, { revoked: [mine.serial] })
    const [record] = (await ok(`GET /v1/certificates?serial=${mine.serial}`, 200)).items
    assert.deepEqual([record.alive, record.revoked_reason], [false, 'lost laptop'])
    const all = await ok('POST /v1/agent/auth/revoke', 200, { ...agent, reason: 'all' })
    assert.ok(all.revoked.length > 0)
    assert.deepEqual((await ok('GET /v1/certificates?tenant=certs&alive=true', 200)).items, [])
    await refused('not_found', 'POST /v1/agent/auth/revoke', { serial: '0'.repeat(32), reason: 'x' })
    await refused('agent_unknown', 'POST /v1/agent/auth/revoke', { ...agent, agent: 'nobody', reason: 'x' })
    await refused('body_invalid', 'POST /v1/agent/auth/revoke', { ...body, ...agent })
  })

  test("of another agent are not an agent's to revoke", async () => {
    await ok('POST /v1/agents', 201, { ...agent, agent: 'c2' })
    const [mine, other] = [await server.certificate(agent), await server.certificate({ ...agent, agent: 'c2' })]
    const tls = { key: mine.key, cert: mine.cert }
    for (const target of [{ serial: other.serial }, { ...agent, agent: 'c2' }]) {
      const body = { ...target, reason: 'x' }
      const { status } = await send(server.port, server.rootPem, 'POST /v1/agent/auth/revoke', { tls, body })
      assert.equal(status, 404)
    }
  })
})

describe('API keys', () => {
  test('are made, listed without the key, and deleted', async () => {
    await ok('POST /v1/tenants', 201, { tenant: 'keys' })
    const input = { name: 'ci', role: 'issuer', tenant: 'keys', agents: 'ci-*', expires_in_sec: 60, rate_limit: 5 }
    const { key, ...made } = await ok('POST /v1/api-keys', 201, input)
    assert.match(key, /^lanyard_[0-9a-f]{12}_[0-9a-f]{64}$/)
    assert.deepEqual([made.role, made.tenant, made.agents, made.rate_limit], ['issuer', 'keys', 'ci-*', 5])
    const listed = await ok('GET /v1/api-keys?tenant=keys', 200)
    assert.deepEqual(listed.items, [made])
    assert.ok(!JSON.stringify(listed).includes(key.split('_')[2]))
    await ok('POST /v1/agents', 201, { tenant: 'keys', agent: 'web' })
    await refused('agent_not_covered', 'POST /v1/agent/bootstrap', { tenant: 'keys', agent: 'web' }, { token: key })
    await refused('tenant_mismatch', 'POST /v1/agent/bootstrap', { tenant: 'fleet', agent: 'a1' }, { token: key })
    assert.equal((await call(`DELETE /v1/api-keys/${made.id}`)).status, 204)
    await refused('not_found', `DELETE /v1/api-keys/${made.id}`)
    assert.deepEqual((await ok('GET /v1/api-keys?tenant=keys', 200)).items, [])
  })

  test('reach no further than the key that makes them', async () => {
    const token = await server.apiKey('admin', { tenant: 'fleet' })
    const inside = await ok('POST /v1/api-keys', 201, { name: 'x', role: 'operator' }, { token })
    assert.equal(inside.tenant, 'fleet')
    await refused('tenant_mismatch', 'POST /v1/api-keys', { name: 'x', role: 'operator', tenant: 'keys' }, { token })
    await refused('role_unknown', 'POST /v1/api-keys', { name: 'x', role: 'agent' })
  })
})

describe('events', () => {
  test('tell who did what, with the id of the call', async () => {
    const answer = await call('POST /v1/tenants', { tenant: 'told' })
    const [event] = (await ok('GET /v1/events?tenant=told', 200)).items
    assert.deepEqual([event.type, event.outcome, event.source], ['tenant.created', 'ok', '127.0.0.1'])
    assert.equal(event.correlation, answer.headers['x-request-id'])
    assert.match(event.actor, /^api-key:[0-9a-f]{12}$/)
    assert.match(event.at, TIME)
  })

  test('are listed by kind and time, in pages without a gap', async () => {
    const types = (await ok('GET /v1/events?type=agent.created&limit=500', 200)).items.map(
      ({ type }: { type: string }) => type,
    )
    assert.ok(types.length > 2 && types.every((type: string) => type === 'agent.created'))
    const all = (await ok('GET /v1/events?limit=500', 200)).items.map(({ id }: { id: string }) => id)
    assert.deepEqual(
      (await pages('/v1/events?', 7)).flat().map(({ id }) => id),
      all,
    )
    assert.equal(new Set(all).size, all.length)
    const now = new Date(server.clock.now() + 1000).toISOString()
    assert.deepEqual((await ok(`GET /v1/events?since=${now}`, 200)).items, [])
    assert.equal((await ok(`GET /v1/events?until=${now}&limit=500`, 200)).items.length, all.length)
  })

  test('are not listed by a time or kind that is none', async () => {
    for (const query of ['since=yesterday', 'since=2026-02-30T25:00:00Z', 'until=2026-01-01', 'since=1', 'type=x.y']) {
      await refused('query_invalid', `GET /v1/events?${query}`)
    }
  })

  test('have cursors of their own list alone', async () => {
    const { next_cursor } = await ok('GET /v1/events?limit=1', 200)
    await refused('cursor_invalid', `GET /v1/events?type=agent.created&cursor=${next_cursor}`)
    await refused('cursor_invalid', `GET /v1/certificates?cursor=${next_cursor}`)
    await refused('cursor_invalid', `GET /v1/events?cursor=${next_cursor}`, undefined, {
      token: await server.apiKey('admin', { tenant: 'told' }),
    })
  })
})

describe('lists of a tenant', () => {
  const lists = Object.values<Route>(routes).filter(({ call, query }) => {
    const names = Object.keys((query as { readonly shape?: object } | undefined)?.shape ?? {})
    return call.startsWith('GET ') && ['tenant', 'cursor'].every(name => names.includes(name))
  })

  test('that is not there are refused, where an empty one would read as proof that nothing happened', async () => {
    assert.ok(lists.length >= 12, `${lists.length}`)
    for (const { call, errors } of lists) {
      await refused('tenant_unknown', `${call}?tenant=acmee`)
      assert.ok((errors as readonly string[]).includes('tenant_unknown'), call)
    }
  })
})

describe('what is public', () => {
  test('is the bundle, the token keys, the root and the description', async () => {
    const bundle = await ok('GET /v1/bundle', 200)
    assert.deepEqual(bundle, JSON.parse(server.pipeline.authorities.bundle().toJson()))
    const jwks = await ok('GET /v1/jwks', 200)
    assert.equal(jwks.keys[0].kid, server.pipeline.authorities.tokenSigner().kid)
    const root = await call('GET /v1/root.pem')
    assert.deepEqual([root.text, root.headers['content-type']], [server.rootPem, 'application/x-pem-file'])
    assert.equal((await ok('GET /openapi.json', 200)).openapi, '3.1.0')
  })
})

test('nothing of this was an error of ours', () => {
  assert.deepEqual(server.logged, [])
})
