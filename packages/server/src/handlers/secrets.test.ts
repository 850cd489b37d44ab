import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type IdpState, newAgentSecret } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { FeedReader } from '../testing/feed-reader.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { bySecret, SecretAgent } from '../testing/secrets.ts'

const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
let server: HttpHarness
let admin: string
let operator: string
let names = 0

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0, handshakes_per_sec: 10_000 } })
  admin = await server.apiKey('admin')
  for (const tenant of ['acme', 'globex']) await server.pipeline.tenant(tenant)
  operator = await server.apiKey('operator', { tenant: 'acme' })
})
after(async () => {
  // Whatever was asked and refused above: no secret of anybody is in the log, nor in an event.
  assert.ok(!server.logged.join('\n').includes('lanyard-secret_'))
  const { text } = await server.call('GET /v1/events?limit=500', { token: admin })
  assert.ok(text.includes('session.refused') && !text.includes('lanyard-secret_'))
  await server.close()
})

async function agentOf(tenant = 'acme'): Promise<SecretAgent> {
  const key = { tenant, agent: `a${++names}` }
  await server.agent(key)
  return new SecretAgent(server, admin, key)
}

/** An agent with a secret. */
async function holder(tenant?: string) {
  const own = await agentOf(tenant)
  return { own, ...(await own.create()) }
}

const eventsOf = async ({ key: { tenant, agent } }: SecretAgent) => {
  const { body } = await server.call(`GET /v1/events?tenant=${tenant}&agent=${agent}&limit=200`, { token: admin })
  return body.items as { type: string; outcome: string; actor: string; correlation: string; detail: object }[]
}
const typesOf = async (own: SecretAgent) => (await eventsOf(own)).map(({ type }) => type)

describe('the secret of an agent', () => {
  test('is shown once, and shown without itself afterwards', async () => {
    const own = await agentOf()
    assert.equal((await server.call(`GET ${own.path}/secret`, { token: admin })).body.code, 'not_found')
    const { id, secret } = await own.create()
    const { status, body, text } = await server.call(`GET ${own.path}/secret`, { token: admin })
    assert.deepEqual([status, body.id, body.incarnation], [200, id, 1])
    assert.ok(!text.includes(secret.split('_')[2]!))
    assert.ok(!JSON.stringify(await eventsOf(own)).includes(secret.split('_')[2]!))
  })

  test('ends when another is made', async () => {
    const { own, secret } = await holder()
    const next = await own.create()
    assert.equal((await own.session(secret)).body.code, 'secret_superseded')
    assert.equal((await own.session(next.secret)).status, 200)
  })

  test('is exchanged for a new one by itself, and is dead with that', async () => {
    const { own, secret } = await holder()
    const { status, body } = await own.rotate(secret)
    assert.equal(status, 200)
    assert.equal((await own.session(secret)).body.code, 'secret_superseded')
    assert.equal((await own.rotate(secret)).body.code, 'secret_superseded')
    assert.equal((await own.session(body.secret)).status, 200)
  })

  test('exchanged by 64 at once is exchanged once', async () => {
    const { own, secret } = await holder()
    const answers = await Promise.all(Array.from({ length: 64 }, () => own.rotate(secret)))
    const won = answers.filter(({ status }) => status === 200)
    const lost = answers.filter(({ body }) => body.code === 'secret_superseded')
    assert.deepEqual([won.length, lost.length], [1, 63])
    assert.equal((await own.session(won[0]!.body.secret)).status, 200)
  })

  // Whoever stole one could make so many of it that the kill which follows them would take long.
  test('exchanged without end leaves a hundred behind, and all that they opened still ends together', async () => {
    const { own, secret: first } = await holder()
    const held = await own.held(first)
    let secret = first
    for (let i = 0; i < 105; i++) {
      server.clock.advance(0.001)
      secret = (await own.rotate(secret)).body.secret
    }
    const { store, rows } = server.pipeline
    assert.equal((await store.read(() => rows.secrets.ofAgent(own.key))).length, 101)
    assert.equal((await own.session(first)).body.code, 'unauthenticated')
    assert.deepEqual((await own.revoke()).body, { secrets: 1, lineages: 1, revoked: [held.serial] })
    assert.equal((await own.session(secret)).body.code, 'secret_revoked')
  })

  test('lost with a reply is made again by an operator', async () => {
    const { own, secret } = await holder()
    await own.rotate(secret)
    const { status, body } = await server.call(`POST ${own.path}/secret`, { token: operator })
    assert.equal(status, 201)
    assert.equal((await own.session(body.secret)).status, 200)
  })

  test('does not outlive a kill, nor come back with a reinstatement', async () => {
    const { own, secret } = await holder()
    const reason = 'test'
    await server.call(`POST ${own.path}/kill`, { token: admin, body: { reason } })
    for (const call of [own.session(secret), own.rotate(secret)])
      assert.equal((await call).body.code, 'agent_quarantined')
    assert.equal((await server.call(`POST ${own.path}/secret`, { token: admin })).body.code, 'agent_quarantined')
    await server.call(`POST ${own.path}/reinstate`, { token: admin, body: { reason } })
    for (const call of [own.session(secret), own.rotate(secret)])
      assert.equal((await call).body.code, 'incarnation_dead')
    assert.equal((await own.session((await own.create()).secret)).status, 200)
  })

  test('does not outlive the kill of its tenant, nor come back with that', async () => {
    const { own, secret } = await holder('t1')
    const body = { reason: 'test' }
    await server.call('POST /v1/tenants/t1/kill', { token: admin, body })
    assert.equal((await own.session(secret)).body.code, 'tenant_killed')
    await server.call('POST /v1/tenants/t1/reinstate', { token: admin, body })
    assert.equal((await own.session(secret)).body.code, 'incarnation_dead')
  })

  test('ends with its agent', async () => {
    const { own, secret } = await holder()
    await server.call(`DELETE ${own.path}`, { token: admin })
    assert.equal((await own.session(secret)).body.code, 'agent_retired')
    assert.equal((await server.call(`POST ${own.path}/secret`, { token: admin })).body.code, 'agent_retired')
  })

  test('is made for agents that a key covers, by whoever may, within its tenant', async () => {
    const own = await agentOf()
    const make = async (token: string) => (await server.call(`POST ${own.path}/secret`, { token })).body.code
    assert.equal(await make(await server.apiKey('operator', { agents: 'x-*' })), 'agent_not_covered')
    assert.equal(await make(await server.apiKey('operator', { tenant: 'globex' })), 'tenant_mismatch')
    assert.equal(await make(await server.apiKey('auditor')), 'permission_missing')
    assert.equal(await make(await server.token(own.key)), 'permission_missing')
    const revoke = await server.call(`POST ${own.path}/revoke-secret`, { token: operator, body: { reason: 'x' } })
    assert.equal(revoke.body.code, 'permission_missing')
  })
})

describe('whoever shows a secret', () => {
  test('that nobody has is told nothing', async () => {
    const { own, secret } = await holder()
    const [, id, bits] = secret.split('_') as [string, string, string, string]
    const mine = newAgentSecret(dice, nodeCrypto)
    const forged = newAgentSecret({ bytes: n => (n === 6 ? Buffer.from(id, 'hex') : dice.bytes(n)) }, nodeCrypto)
    const wrong = [mine.secret, forged.secret, `lanyard-secret_${id}_${bits}`, `${secret}0`, secret.slice(0, -1), 'x']
    const answers = await Promise.all(wrong.map(text => own.session(text)))
    for (const { status, body } of answers) assert.deepEqual([status, body.code], [401, 'unauthenticated'])
    // A known id is not told from an unknown one.
    assert.equal(answers[0]!.body.detail, answers[1]!.body.detail)
    assert.ok(!(await typesOf(own)).includes('session.refused'))
  })

  test('of another agent is refused, whether that agent is there or not', async () => {
    const { own, secret } = await holder()
    const other = await agentOf()
    const there = await own.session(secret, undefined, other.key)
    for (const key of [
      { tenant: 'acme', agent: 'nobody' },
      { tenant: 'nobody', agent: own.key.agent },
    ]) {
      const { status, body } = await own.session(secret, undefined, key)
      assert.deepEqual([status, body.code], [there.status, there.body.code])
    }
    assert.deepEqual([there.status, there.body.code], [401, 'factor_mismatch'])
    const rotated = await server.call(`POST ${other.path}/rotate-secret`, bySecret(secret))
    assert.deepEqual([rotated.status, rotated.body.code], [401, 'factor_mismatch'])
    assert.equal((await own.session(secret)).status, 200)
  })

  test('elsewhere, or as another kind of credential, is told nothing', async () => {
    const { secret } = await holder()
    const calls = ['GET /v1/whoami', 'GET /v1/agents', 'GET /v1/feed', 'POST /v1/agent/bootstrap']
    for (const call of calls) {
      assert.equal((await server.call(call, bySecret(secret))).body.code, 'unauthenticated', call)
      assert.equal((await server.call(call, { token: secret })).body.code, 'unauthenticated', call)
    }
    assert.equal((await server.call('POST /v1/agent/session', { token: secret })).body.code, 'unauthenticated')
  })

  test('twice, or beside another credential, is refused', async () => {
    const { own, secret } = await holder()
    const authorization = [`Lanyard-Secret ${secret}`, `Lanyard-Secret ${secret}`]
    const twice = await server.call('POST /v1/agent/session', { headers: { authorization }, body: own.key })
    assert.equal(twice.status, 400)
    const api = await server.call('POST /v1/agent/session', { token: admin, body: own.key })
    assert.equal(api.body.code, 'unauthenticated')
  })

  test('is told of in an event, once in a while, by whom and with what', async () => {
    const { own, id, secret } = await holder()
    await own.create()
    const first = await own.session(secret)
    for (let i = 0; i < 5; i++) await own.session(secret)
    const told = (await eventsOf(own)).filter(({ type }) => type === 'session.refused')
    assert.equal(told.length, 1)
    assert.deepEqual(told[0]!.detail, { code: 'secret_superseded', more_since_last: 0 })
    assert.deepEqual([told[0]!.outcome, told[0]!.actor], ['refused', `agent-secret:${id}`])
    assert.equal(told[0]!.correlation, first.body.request_id)
  })

  test('and does what only its owner may is told of with the agent that is named', async () => {
    const { own, secret } = await holder()
    const { body } = await own.session(secret, undefined, { tenant: 'acme', agent: 'nobody' })
    const [told] = (await eventsOf(own)).filter(({ type }) => type === 'session.refused')
    assert.deepEqual(
      [told!.detail, told!.correlation],
      [{ code: 'factor_mismatch', more_since_last: 0 }, body.request_id],
    )
  })

  test('and stuffs secrets loses the connection, and the good ones still count', async () => {
    const { own, secret } = await holder()
    const guesses = Array.from({ length: 100 }, () => own.session(newAgentSecret(dice, nodeCrypto).secret))
    for (const { body } of await Promise.all(guesses)) assert.equal(body.code, 'unauthenticated')
    assert.equal((await own.session(secret)).status, 200)
  })
})

describe('a session', () => {
  test('writes what a bootstrap writes, and by which factors, each with the id of its request', async () => {
    const { own, id, secret } = await holder()
    const held = await server.certificate(own.key)
    const { headers } = await own.session(secret, held)
    const told = (await eventsOf(own)).slice(0, 2)
    assert.deepEqual(told.map(({ type }) => type).sort(), ['agent.bootstrapped', 'session.opened'])
    for (const { correlation, actor } of told)
      assert.deepEqual([correlation, actor], [headers['x-request-id'], `agent-secret:${id}`])
    const { detail } = told.find(({ type }) => type === 'session.opened')!
    assert.deepEqual({ ...detail, lineage: '' }, { secret: id, lineage: '', factor: `svid:${held.serial}` })
    for (const { correlation } of await eventsOf(own)) assert.ok(correlation === null || correlation.length > 0)
  })

  test('binds its token to a key', async () => {
    const { own, secret } = await holder()
    const jkt = 'A'.repeat(43)
    const { body } = await own.session(secret, undefined, { ...own.key, jkt })
    const claims = JSON.parse(Buffer.from(body.token.split('.')[1], 'base64url').toString())
    assert.deepEqual(claims.cnf, { jkt })
  })

  test('goes on when its secret is exchanged, and renews', async () => {
    const { own, secret } = await holder()
    const held = await own.held(secret)
    await own.rotate(secret)
    assert.equal((await server.call('GET /v1/whoami', { tls: held })).status, 200)
  })

  test('ends with the revocation of the secret, those of secrets before too, and nothing else does', async () => {
    const { own, secret } = await holder()
    const old = await own.held(secret)
    const next = (await own.rotate(secret)).body.secret
    const held = await own.held(next)
    const { body: waiting } = await own.session(next)
    const internal = await server.certificate(own.key)
    const { status, body } = await own.revoke()
    assert.deepEqual([status, body.secrets, body.lineages], [200, 1, 3])
    assert.deepEqual(body.revoked.sort(), [old.serial, held.serial].sort())
    for (const tls of [old, held])
      assert.equal((await server.call('GET /v1/whoami', { tls })).body.code, 'certificate_revoked')
    assert.equal((await server.call('GET /v1/whoami', { token: waiting.token })).body.code, 'lineage_ended')
    assert.equal((await own.session(next)).body.code, 'secret_revoked')
    assert.equal((await own.session(secret)).body.code, 'secret_superseded')
    assert.equal((await server.call('GET /v1/whoami', { tls: internal })).status, 200)
    const again = await own.revoke()
    assert.deepEqual(again.body, { secrets: 0, lineages: 0, revoked: [] })
  })

  test('that reads the feed is cut by the revocation', async () => {
    const { own, secret } = await holder()
    const held = await own.held(secret)
    const reader = await FeedReader.open(server, { tls: held })
    await own.revoke()
    await reader.over()
  })
})

describe('a kill by what a secret minted', () => {
  const kill = (id: string, token = admin) =>
    server.call('POST /v1/kill', { token, body: { minted_by: `agent-secret:${id}`, reason: 'stolen' } })

  test('takes its sessions, and itself', async () => {
    const { own, id, secret } = await holder()
    const held = await own.held(secret)
    const internal = await server.certificate(own.key)
    assert.equal((await kill(id)).status, 202)
    assert.equal((await server.call('GET /v1/whoami', { tls: held })).body.code, 'certificate_revoked')
    assert.equal((await own.session(secret)).body.code, 'secret_revoked')
    assert.equal((await server.call('GET /v1/whoami', { tls: internal })).status, 200)
  })

  test('takes what it was exchanged for, since a thief exchanges it first', async () => {
    const { own, id, secret } = await holder()
    const second = (await own.rotate(secret)).body
    const third = (await own.rotate(second.secret)).body
    const held = await own.held(third.secret)
    assert.equal((await kill(id)).status, 202)
    assert.equal((await own.session(third.secret)).body.code, 'secret_revoked')
    assert.equal((await server.call('GET /v1/whoami', { tls: held })).body.code, 'certificate_revoked')
  })

  test('spares what an operator made afterwards', async () => {
    const { own, id, secret } = await holder()
    const old = await own.held(secret)
    const next = await own.create()
    const held = await own.held(next.secret)
    assert.equal((await kill(id)).status, 202)
    assert.equal((await server.call('GET /v1/whoami', { tls: old })).body.code, 'certificate_revoked')
    assert.equal((await server.call('GET /v1/whoami', { tls: held })).status, 200)
    assert.equal((await own.session(next.secret)).status, 200)
  })

  test('is for whoever may revoke secrets, in its tenant', async () => {
    const { id } = await holder()
    assert.equal((await kill(id, operator)).body.code, 'permission_missing')
    assert.equal((await kill(id, await server.apiKey('admin', { tenant: 'globex' }))).body.code, 'not_found')
    assert.equal((await kill('0'.repeat(12))).body.code, 'not_found')
  })
})

describe('a tenant whose identity provider vouches', () => {
  test('gets no secret, exchanges none, and opens no session by one', async () => {
    const { own, secret } = await holder('fed')
    const { store, rows } = server.pipeline
    const provider: IdpState = {
      ...{ id: 'f'.repeat(32), tenant: 'fed', issuer: 'https://idp.test', jwksUri: null, audiences: ['a'] },
      ...{ algorithms: ['ES256'], agentClaim: 'sub', requiredClaims: {}, maxTokenAgeSec: 3600, tier: 'silver' },
      ...{
        enabled: true,
        allowAgentFederation: true,
        createdBy: 'server',
        createdAt: 0,
        updatedBy: 'server',
        updatedAt: 0,
      },
    }
    await store.write(() => rows.idps.insert(provider), { mode: 'exclusive', tenants: ['fed'] })
    assert.equal((await own.session(secret)).body.code, 'federation_required')
    assert.equal((await own.rotate(secret)).body.code, 'federation_required')
    for (const agent of [own.key.agent, 'nobody']) {
      const { body } = await server.call(`POST /v1/agents/fed/${agent}/secret`, { token: admin })
      assert.equal(body.code, 'federation_required')
    }
    assert.equal((await own.revoke()).status, 200)
  })
})
