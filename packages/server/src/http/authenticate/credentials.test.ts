import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { AGENT_TOKEN_TYP, agentTokenClaims } from '@lanyard/authority'
import { signJwt } from '@lanyard/protocol'
import { generateKeyNow, nodeSigner } from '@lanyard/protocol/node'
import type { CallOptions } from '../../testing/client.ts'
import { csrOf, type HttpHarness, openHttp } from '../../testing/http.ts'
import { connectRaw, isWhole, lastReply } from '../../testing/raw.ts'

let server: HttpHarness
let admin: string
let names = 0

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 } })
  admin = await server.apiKey('admin', { expiresInSec: 10 * 365 * 86_400 })
  await server.pipeline.tenant('acme')
})
after(() => server.close())

let key: { tenant: string; agent: string }
beforeEach(async () => {
  key = { tenant: 'acme', agent: `a${++names}` }
  await server.agent(key)
})

const whoami = (options: CallOptions) => server.call('GET /v1/whoami', options)
const refusal = async (options: CallOptions): Promise<string> => (await whoami(options)).body.code
const issue = async (options: CallOptions, privateKey = generateKeyNow('P-256')) =>
  server.call('POST /v1/agent/auth/cert', { ...options, body: { csr: await csrOf(privateKey) } })
const change = (body: object) => server.call(`PATCH /v1/agents/acme/${key.agent}`, { token: admin, body })
const reinstate = () => server.call(`POST /v1/agents/acme/${key.agent}/reinstate`, { token: admin })
const revoke = (serial: string) =>
  server.call('POST /v1/agent/auth/revoke', { token: admin, body: { serial, reason: 'x' } })

describe('API keys', () => {
  test('are known by all of their text', async () => {
    const token = await server.apiKey('auditor', { tenant: 'acme' })
    const { status, body } = await whoami({ token })
    assert.equal(status, 200)
    assert.deepEqual([body.kind, body.role, body.tenant, body.agent], ['api-key', 'auditor', 'acme', null])
    const [, id, secret] = token.split('_') as [string, string, string]
    const wrong = [
      `lanyard_${id}_${'0'.repeat(64)}`,
      `lanyard_${'0'.repeat(12)}_${secret}`,
      `lanyard_${id}_${secret.toUpperCase()}`,
      `lanyard_${id}_${secret}0`,
      `LANYARD_${id}_${secret}`,
      `${id}_${secret}`,
      secret,
      'lanyard__',
    ]
    for (const text of wrong) assert.equal(await refusal({ token: text }), 'unauthenticated', text)
  })

  test('end', async () => {
    const token = await server.apiKey('auditor', { expiresInSec: 60 })
    assert.equal((await whoami({ token })).status, 200)
    server.clock.advance(60)
    assert.equal(await refusal({ token }), 'unauthenticated')
  })

  test('are refused once deleted', async () => {
    const made = await server.call('POST /v1/api-keys', { token: admin, body: { name: 'k', role: 'auditor' } })
    assert.equal((await whoami({ token: made.body.key })).status, 200)
    assert.equal((await server.call(`DELETE /v1/api-keys/${made.body.id}`, { token: admin })).status, 204)
    assert.equal(await refusal({ token: made.body.key }), 'unauthenticated')
  })
})

describe('agent tokens', () => {
  test('are known', async () => {
    const { body } = await whoami({ token: await server.token(key) })
    assert.deepEqual([body.kind, body.role, body.agent], ['agent-token', 'agent', key.agent])
  })

  test('end after fifteen minutes, and the refusal tells the time and by how much', async () => {
    const token = await server.token(key)
    server.clock.advance(899)
    assert.equal((await whoami({ token })).status, 200)
    server.clock.advance(3)
    const { status, body } = await whoami({ token })
    assert.deepEqual([status, body.code], [401, 'token_expired'])
    assert.ok(body.skew_sec >= 2 && body.skew_sec <= 3)
    assert.match(body.server_time, /^\d{4}-.*Z$/)
  })

  test('by anyone else, of any other kind, for anyone else are refused', async () => {
    const { authorities, store, rows } = { ...server.pipeline }
    const { lineage } = await server.pipeline.bootstrap(key)
    const subject = await store.read(() => rows.lineages.subject(lineage))
    const claims = agentTokenClaims(authorities.trustDomain, subject!.lineage)
    const { kid, signer } = authorities.tokenSigner()
    const svid = authorities.svidSigner()
    const typ = AGENT_TOKEN_TYP
    const good = { typ, kid, claims }
    const other = { ...key, agent: `${key.agent}x` }
    await server.agent(other)
    const now = Math.floor(server.clock.now() / 1000)
    const table: readonly [why: string, token: string | Promise<string>, code: string][] = [
      ['a stranger signed', signJwt(good, nodeSigner(generateKeyNow('P-256'))), 'unauthenticated'],
      ['the key of JWT-SVIDs signed', signJwt({ ...good, kid: svid.kid }, svid.signer), 'unauthenticated'],
      ['a key nobody knows', signJwt({ ...good, kid: 'x' }, signer), 'unauthenticated'],
      ['typ JWT', signJwt({ ...good, typ: 'JWT' }, signer), 'unauthenticated'],
      ['no typ', signJwt({ kid, claims }, signer), 'unauthenticated'],
      ['another audience', signJwt({ ...good, claims: { ...claims, aud: 'x' } }, signer), 'unauthenticated'],
      ['another issuer', signJwt({ ...good, claims: { ...claims, iss: 'spiffe://x' } }, signer), 'unauthenticated'],
      ['another agent', signJwt({ ...good, claims: { ...claims, sub: other.agent } }, signer), 'lineage_ended'],
      ['another tenant', signJwt({ ...good, claims: { ...claims, tid: 'globex' } }, signer), 'lineage_ended'],
      ['another lineage', signJwt({ ...good, claims: { ...claims, lin: '0'.repeat(32) } }, signer), 'lineage_ended'],
      ['another jti', signJwt({ ...good, claims: { ...claims, jti: 'x' } }, signer), 'lineage_ended'],
      ['another incarnation', signJwt({ ...good, claims: { ...claims, inc: 2 } }, signer), 'incarnation_dead'],
      ['an incarnation that is none', signJwt({ ...good, claims: { ...claims, inc: '1' } }, signer), 'unauthenticated'],
      [
        'a binding that is none',
        signJwt({ ...good, claims: { ...claims, cnf: { jkt: 1 } } }, signer),
        'unauthenticated',
      ],
      ['from the future', signJwt({ ...good, claims: { ...claims, iat: now + 60 } }, signer), 'unauthenticated'],
      ['from an instance a little ahead', signJwt({ ...good, claims: { ...claims, iat: now + 5 } }, signer), ''],
    ]
    for (const [why, token, code] of table) {
      const answer = await whoami({ token: await token })
      if (code === '') assert.equal(answer.status, 200, why)
      else assert.equal(answer.body.code, code, why)
    }
  })

  test('of which a letter is wrong, or no signature there, are refused', async () => {
    const token = await server.token(key)
    const [head, claims, signature] = token.split('.') as [string, string, string]
    const none = Buffer.from('{"alg":"none","typ":"lanyard-agent+jwt"}').toString('base64url')
    const wrong = [
      `${head}.${claims}.`,
      `${head}.${claims}`,
      `${none}.${claims}.`,
      `${none}.${claims}.${signature}`,
      `${head}.${claims}.${randomBytes(64).toString('base64url')}`,
      `${head}.${Buffer.from(claims, 'base64url').toString('base64')}.${signature}x`,
      `${token}.${signature}`,
      `${head}.${claims}.${Buffer.alloc(64).toString('base64url')}`,
    ]
    for (const text of wrong) assert.equal(await refusal({ token: text }), 'unauthenticated', text)
  })

  test('are refused at the door once their agent may not live', async () => {
    const token = await server.token(key)
    await change({ lifecycle: 'quarantined' })
    assert.equal(await refusal({ token }), 'agent_quarantined')
    assert.equal((await issue({ token })).body.code, 'agent_quarantined')
    await reinstate()
    assert.equal(await refusal({ token }), 'incarnation_dead')
    await change({ lifecycle: 'retired' })
    assert.equal(await refusal({ token }), 'agent_retired')
  })
})

describe('certificates', () => {
  test('are known by our record of them', async () => {
    const held = await server.certificate(key)
    const { body } = await whoami({ tls: held })
    assert.deepEqual([body.kind, body.id, body.agent], ['agent-certificate', held.serial, key.agent])
  })

  test('that have ended may renew within the grace of their tenant, and nothing else', async () => {
    const held = await server.certificate(key)
    server.clock.advance(300 + 1800)
    const { status, body } = await whoami({ tls: held })
    assert.deepEqual([status, body.code], [401, 'certificate_expired'])
    assert.ok(Math.abs(body.skew_sec - 1800) <= 1)
    assert.equal((await issue({ tls: held })).status, 201)
  })

  test('that have ended longer ago renew nothing', async () => {
    const held = await server.certificate(key)
    server.clock.advance(300 + 3600)
    const { status, body } = await issue({ tls: held })
    assert.deepEqual([status, body.code], [401, 'certificate_expired'])
    server.clock.advance(2 * 86_400)
    assert.equal((await issue({ tls: held })).body.code, 'certificate_expired')
    assert.equal(await refusal({ tls: held }), 'certificate_expired')
  })

  test('of a restricted agent have no grace', async () => {
    await change({ lifecycle: 'restricted' })
    const held = await server.certificate(key)
    server.clock.advance(61)
    assert.equal((await issue({ tls: held })).body.code, 'certificate_expired')
  })

  test('that are revoked are refused, and renew nothing', async () => {
    const held = await server.certificate(key)
    assert.deepEqual((await revoke(held.serial)).body.revoked, [held.serial])
    assert.equal(await refusal({ tls: held }), 'certificate_revoked')
    assert.equal((await issue({ tls: held })).body.code, 'certificate_revoked')
  })

  test('renew with a new key once; a second child freezes the lineage for both', async () => {
    const held = await server.certificate(key)
    assert.equal((await issue({ tls: held }, held.privateKey)).body.code, 'key_reused')
    assert.equal((await issue({ tls: held })).status, 201)
    assert.equal((await issue({ tls: held })).body.code, 'lineage_forked')
    assert.equal(await refusal({ tls: held }), 'lineage_forked')
  })

  // Expiry and revocation are judged at each request, not only at the handshake.
  const ENDS: readonly [why: string, end: (serial: string) => unknown, code: string][] = [
    ['revoked', revoke, 'certificate_revoked'],
    ['quarantined', () => change({ lifecycle: 'quarantined' }), 'agent_quarantined'],
    ['retired', () => change({ lifecycle: 'retired' }), 'agent_retired'],
  ]
  for (const [why, end, code] of ENDS) {
    test(`on a connection that is open when its agent is ${why}: it is cut`, async () => {
      const { serial, ...tls } = await server.certificate(key)
      const connection = await connectRaw(server.port, server.rootPem, { key: tls.key, cert: tls.cert })
      connection.write('GET /v1/whoami HTTP/1.1\r\nHost: x\r\n\r\n')
      assert.equal(lastReply(await connection.until(isWhole)).status, 200)
      await end(serial)
      await connection.closed()
      assert.equal(await refusal({ tls }), code)
    })
  }

  test('on a connection that outlives them are refused', async () => {
    const { serial: _, ...tls } = await server.certificate(key)
    const connection = await connectRaw(server.port, server.rootPem, { key: tls.key, cert: tls.cert })
    connection.write('GET /v1/whoami HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal(lastReply(await connection.until(isWhole)).status, 200)
    server.clock.advance(301)
    connection.write('GET /v1/whoami HTTP/1.1\r\nHost: x\r\n\r\n')
    const text = await connection.until(all => /HTTP\/1\.1 4/.test(all) && isWhole(all))
    connection.socket.destroy()
    assert.equal(lastReply(text).code, 'certificate_expired')
  })

  test('that revoke themselves hear that it is done, and then their connection ends', async () => {
    const { serial, ...tls } = await server.certificate(key)
    const connection = await connectRaw(server.port, server.rootPem, { key: tls.key, cert: tls.cert })
    const body = JSON.stringify({ serial, reason: 'done' })
    const head = `Host: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    connection.write(`POST /v1/agent/auth/revoke HTTP/1.1\r\n${head}${body}`)
    assert.equal(lastReply(await connection.closed()).status, 200)
  })

  test('are asked for their agent again after a reinstatement', async () => {
    const held = await server.certificate(key)
    await change({ lifecycle: 'quarantined' })
    await reinstate()
    assert.equal(await refusal({ tls: held }), 'incarnation_dead')
  })
})

describe('two credentials', () => {
  test('of one agent are one agent', async () => {
    const tls = await server.certificate(key)
    const { body } = await whoami({ token: await server.token(key), tls })
    assert.deepEqual([body.kind, body.agent], ['agent-token', key.agent])
  })

  test('of two are none', async () => {
    const tls = await server.certificate(key)
    const other = { tenant: 'acme', agent: `${key.agent}-other` }
    await server.agent(other)
    assert.equal(await refusal({ token: await server.token(other), tls }), 'credential_conflict')
    assert.equal(await refusal({ token: admin, tls }), 'credential_conflict')
  })

  test('must both hold', async () => {
    const tls = await server.certificate(key)
    const token = await server.token(key)
    await revoke(tls.serial)
    assert.equal(await refusal({ token, tls }), 'certificate_revoked')
    const fresh = await server.certificate(key)
    assert.equal(await refusal({ token: 'rubbish', tls: fresh }), 'unauthenticated')
    // What is no bearer credential at all does not fall back to the certificate.
    assert.equal(await refusal({ tls: fresh, headers: { authorization: 'Basic eDp5' } }), 'unauthenticated')
  })
})

test('headers by which a proxy would speak of a certificate are refused beside any credential', async () => {
  const { cert } = await server.certificate(key)
  const der = cert.split('-----')[2]!.replace(/\s/g, '')
  const headers = {
    'client-cert': `:${der}:`,
    'x-forwarded-client-cert': `Cert="${encodeURIComponent(cert)}";URI=spiffe://example.test/tenant/acme/agent/${key.agent}`,
  }
  for (const [name, value] of Object.entries(headers))
    for (const token of [undefined, admin])
      assert.equal(await refusal({ token, headers: { [name]: value } }), 'proxy_header_untrusted', name)
})

test('other headers that a proxy would set prove nothing, and change nothing', async () => {
  const { cert } = await server.certificate(key)
  const headers = {
    'x-client-cert': encodeURIComponent(cert),
    'x-forwarded-for': '192.0.2.7',
    forwarded: 'for=192.0.2.7',
    'x-real-ip': '192.0.2.7',
  }
  assert.equal(await refusal({ headers }), 'unauthenticated')
  const { status } = await server.call(`PATCH /v1/agents/acme/${key.agent}`, {
    token: admin,
    headers,
    body: { owner: 'x' },
  })
  assert.equal(status, 200)
  const { body } = await server.call(`GET /v1/events?agent=${key.agent}&type=agent.updated`, { token: admin })
  assert.equal(body.items[0].source, '127.0.0.1')
})

test('no refusal repeats the secret that came', async () => {
  const secrets = [
    `lanyard_${'0'.repeat(12)}_${'5ec7e7'.repeat(10)}0000`,
    `${(await server.token(key)).slice(0, -4)}AAAA`,
    'hunter2-hunter2',
  ]
  for (const token of secrets) {
    const { text, headers } = await whoami({ token })
    const secret = token.slice(-20)
    assert.ok(!text.includes(secret) && !JSON.stringify(headers).includes(secret))
  }
  assert.deepEqual(server.logged, [])
})

describe('allowance', () => {
  test('of an API key is its own number', async () => {
    const token = await server.apiKey('auditor', { rateLimit: 3 })
    for (let i = 0; i < 3; i++) assert.equal((await whoami({ token })).status, 200)
    const { status, body, headers } = await whoami({ token })
    assert.deepEqual([status, body.code, body.retry_after_sec, headers['retry-after']], [429, 'rate_limited', 20, '20'])
    server.clock.advance(20)
    assert.equal((await whoami({ token })).status, 200)
  })

  test('of what costs much is a part of it, and counted apart', async () => {
    const token = await server.apiKey('admin', { rateLimit: 50 })
    const change = async () => {
      const body = { renewal_grace_sec: 60 }
      return (await server.call(`PATCH /v1/tenants/${key.tenant}`, { token, body })).status
    }
    const changes: number[] = []
    for (let i = 0; i < 4; i++) changes.push(await change())
    assert.deepEqual(changes, [200, 200, 200, 429])
    assert.equal((await whoami({ token })).status, 200)
  })
})
