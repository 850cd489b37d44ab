import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { csrOf, pemOf } from '../testing/http.ts'
import { type HeldNode, heldNode, joinNode } from '../testing/nodes.ts'
import { adminStage } from '../testing/stages.ts'

const { server, ok, refused } = await adminStage()

let made = 0

interface Place {
  readonly tenant: string
  readonly node: HeldNode
  readonly entry: string
  readonly other: string
}

/** A tenant of its own, with two agents that have an entry each, and a node. */
async function place(): Promise<Place> {
  const tenant = `k${++made}`
  const entryOf = async (agent: string, uid: number): Promise<string> => {
    await server.agent({ tenant, agent })
    return (await ok('POST /v1/entries', 201, { tenant, agent, selectors: [`unix:uid:${uid}`] })).id
  }
  const [entry, other] = [await entryOf('invoice', 1), await entryOf('mail', 2)]
  return { tenant, node: await joinNode(server, { name: `n${made}`, tenant }), entry, other }
}

const asNode = (node: HeldNode) => ({ token: undefined, tls: node })

async function x509({ node }: { node: HeldNode }, entry: string) {
  const key = generateKeyNow('P-256')
  const body = { entry, csr: await csrOf(key) }
  const reply = await ok('POST /v1/node/svids/x509', 201, body, asNode(node))
  const tls = { key: pemOf(key), cert: reply.certificate + reply.chain }
  return { ...reply, tls }
}
const jwt = async ({ node }: { node: HeldNode }, entry: string) => {
  const { token, expires_at } = await ok('POST /v1/node/svids/jwt', 201, { entry, audience: ['billing'] }, asNode(node))
  return { lineage: JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()).lin, expires_at }
}

const whoami = async (tls: { key: string; cert: string }) => {
  const { status, body } = await server.call('GET /v1/whoami', { tls })
  return status === 200 ? 'alive' : body.code
}
const epoch = () => server.pipeline.store.read(() => server.pipeline.rows.epoch.current())
const died = async (since: number) => {
  const { store, rows } = server.pipeline
  return (await store.read(() => rows.deaths.since(since, 1000))).map(({ kind, value }) => `${kind} ${value}`).sort()
}

describe('a ban of a node', () => {
  test('kills all that it got for its workloads, and nothing else', async () => {
    const at = await place()
    const neighbour = await joinNode(server, { name: 'neighbour', tenant: at.tenant })
    const [mine, theirs] = [await x509(at, at.entry), await x509({ node: neighbour }, at.entry)]
    const token = await jwt(at, at.other)
    const before = await epoch()
    await ok(`POST /v1/nodes/${at.node.reply.node}/ban`, 200, { reason: 'stolen' })
    assert.deepEqual(await died(before), [`lineage ${mine.lineage}`, `lineage ${token.lineage}`].sort())
    assert.deepEqual([await whoami(mine.tls), await whoami(theirs.tls)], ['certificate_revoked', 'alive'])
    const agent = await ok(`GET /v1/agents/${at.tenant}/invoice`, 200)
    assert.equal(agent.lifecycle, 'active')
    const events = (await ok(`GET /v1/events?tenant=${at.tenant}&type=cert.revoked`, 200)).items
    assert.deepEqual(
      events.map(({ agent, detail }: { agent: string; detail: { revoked: string[] } }) => [agent, detail.revoked]),
      [['invoice', [mine.serial]]],
    )
  })

  test('tells the deaths also of tokens that no row tells of, however old their lineage', async () => {
    const at = await place()
    const { lineage } = await jwt(at, at.entry)
    server.clock.advance(3000)
    await jwt(at, at.entry)
    const before = await epoch()
    await ok(`DELETE /v1/nodes/${at.node.reply.node}`, 204)
    assert.deepEqual(await died(before), [`lineage ${lineage}`])
  })

  test('of all tenants reaches each of them', async () => {
    const [one, two] = [await place(), await place()]
    const node = await joinNode(server, { name: `all${made}` })
    const [a, b] = [await x509({ node }, one.entry), await x509({ node }, two.entry)]
    await ok(`POST /v1/nodes/${node.reply.node}/ban`, 200, { reason: 'stolen' })
    assert.deepEqual([await whoami(a.tls), await whoami(b.tls)], ['certificate_revoked', 'certificate_revoked'])
  })
})

describe('a kill by what minted it', () => {
  const kill = (node: HeldNode) => ({ minted_by: `node:${node.reply.node}`, reason: 'stolen' })

  test('bans the node, and opens an incident of what it had', async () => {
    const at = await place()
    const mine = await x509(at, at.entry)
    const { incident: id } = await ok('POST /v1/kill', 202, kill(at.node))
    assert.equal(await whoami(mine.tls), 'certificate_revoked')
    assert.equal((await ok(`GET /v1/nodes/${at.node.reply.node}`, 200)).state, 'banned')
    const incident = await ok(`GET /v1/incidents/${id}`, 200)
    assert.deepEqual([incident.tenant, incident.revoked], [at.tenant, 1])
    const body = { entry: at.entry, audience: ['billing'] }
    await refused('node_banned', 'POST /v1/node/svids/jwt', body, asNode(at.node))
  })

  test('or by the key of a node takes what the node got, and the node', async () => {
    const at = await place()
    const mine = await x509(at, at.entry)
    const { key_thumbprint } = await ok(`GET /v1/nodes/${at.node.reply.node}`, 200)
    const kill = { key_thumbprint, reason: 'copied' }
    await refused('not_found', 'POST /v1/kill', kill, {
      token: await server.apiKey('admin', { tenant: (await place()).tenant }),
    })
    await ok('POST /v1/kill', 202, kill, { token: await server.apiKey('operator', { tenant: at.tenant }) })
    assert.equal(await whoami(mine.tls), 'certificate_revoked')
    await refused('node_unknown', 'POST /v1/node/renew', undefined, asNode(at.node))
  })

  test('takes the machines along that an API key let in', async () => {
    const at = await place()
    const thief = await server.apiKey('operator', { tenant: at.tenant })
    const tokenFor = async (name: string): Promise<string> =>
      (await ok('POST /v1/nodes/join-tokens', 201, { name, ttl_sec: 86_400 }, { token: thief })).token
    const attest = async (token: string, key = generateKeyNow('P-256')) => {
      const answer = await server.call('POST /v1/nodes/attest', {
        body: { method: 'join_token', token, csr: await csrOf(key) },
      })
      return answer.status === 201 ? heldNode(key, answer.body) : answer.body.code
    }
    const [came, waits] = [await attest(await tokenFor('came')), await tokenFor('waits')]
    const theirs = await x509({ node: came }, at.entry)
    await ok('POST /v1/kill', 202, { minted_by: `api-key:${thief.split('_')[1]}`, reason: 'stolen' })
    assert.equal(await whoami(theirs.tls), 'certificate_revoked')
    await refused('node_banned', 'POST /v1/node/renew', undefined, asNode(came))
    assert.equal(await attest(waits), 'node_proof_invalid')
    assert.equal(await whoami((await x509(at, at.entry)).tls), 'alive')
  })

  test('is for whoever may see the node and manage it', async () => {
    const at = await place()
    const foreign = { token: await server.apiKey('admin', { tenant: (await place()).tenant }) }
    await refused('not_found', 'POST /v1/kill', kill(at.node), foreign)
    const all = await joinNode(server, { name: `wide${made}` })
    await refused('not_found', 'POST /v1/kill', kill(all), {
      token: await server.apiKey('admin', { tenant: at.tenant }),
    })
    await refused('not_found', 'POST /v1/kill', { minted_by: `node:${'0'.repeat(32)}`, reason: 'x' })
    await refused('not_found', 'POST /v1/kill', { minted_by: 'node:x', reason: 'x' })
    await ok('POST /v1/kill', 202, kill(at.node), { token: await server.apiKey('operator', { tenant: at.tenant }) })
  })
})

describe('kills of what nodes serve', () => {
  test('are unguarded until the last token has ended', async () => {
    const at = await place()
    await ok(`PATCH /v1/entries/${at.entry}`, 200, { x509_ttl_sec: 60, jwt_ttl_sec: 240 })
    await x509(at, at.entry)
    const { expires_at } = await jwt(at, at.entry)
    const { incident: id } = await ok(`POST /v1/agents/${at.tenant}/invoice/kill`, 202, { reason: 'test' })
    const { unguarded_until } = await ok(`GET /v1/incidents/${id}`, 200)
    assert.equal(Date.parse(unguarded_until), Date.parse(expires_at))
    const later = await place()
    await jwt(later, later.entry)
    const killed = await ok(`POST /v1/tenants/${later.tenant}/kill`, 202, { reason: 'test' })
    assert.notEqual((await ok(`GET /v1/incidents/${killed.incident}`, 200)).unguarded_until, null)
  })

  test('by the scope of an API key do not reach other agents of the node', async () => {
    const at = await place()
    await x509(at, at.entry)
    const other = await x509(at, at.other)
    await ok(`POST /v1/agents/${at.tenant}/invoice/kill`, 202, { reason: 'test', scope: 'api-key' })
    assert.equal(await whoami(other.tls), 'alive')
  })

  test('of one lineage end it, and the node opens another', async () => {
    const at = await place()
    const first = await x509(at, at.entry)
    await ok('POST /v1/kill', 202, { serial: first.serial, reason: 'test' })
    assert.equal(await whoami(first.tls), 'certificate_revoked')
    const { lineage, serial } = first
    const body = { entry: at.entry, csr: await csrOf(generateKeyNow('P-256')), renews: { lineage, serial } }
    await refused('lineage_ended', 'POST /v1/node/svids/x509', body, asNode(at.node))
    const second = await x509(at, at.entry)
    assert.notEqual(second.lineage, first.lineage)
    assert.notEqual((await jwt(at, at.entry)).lineage, first.lineage)
  })

  test('of a key keep it from being certified again, in any form', async () => {
    const at = await place()
    const key = generateKeyNow('P-256')
    const body = { entry: at.entry, csr: await csrOf(key) }
    const { serial } = await ok('POST /v1/node/svids/x509', 201, body, asNode(at.node))
    const { store, rows } = server.pipeline
    const { keyThumbprint } = (await store.read(() => rows.certificates.findBySerial(serial, null)))!
    await ok('POST /v1/kill', 202, { key_thumbprint: keyThumbprint, reason: 'test' })
    await refused('key_killed', 'POST /v1/node/svids/x509', body, asNode(at.node))
    await refused('key_killed', 'POST /v1/node/svids/wit', body, asNode(at.node))
  })
})

test('what a node reports becomes events, of agents that it serves alone', async () => {
  const at = await place()
  const foreign = await place()
  const signal = {
    code: 'workload_is_descendant',
    at: '2026-11-21T12:00:00Z',
    pid: 7,
    uid: 1001,
    executable: '/bin/sh',
  }
  const signals = [
    { ...signal, entry: at.entry, count: 3 },
    { ...signal, code: 'no_identity', entry: null, executable: null, count: 1 },
    { ...signal, entry: foreign.entry, count: 1 },
  ]
  await ok('POST /v1/node/signals', 204, { signals }, asNode(at.node))
  for (const time of ['0', 'Sat Nov 21', '2026-11-21', '1969-12-31T23:59:59Z'])
    await refused('body_invalid', 'POST /v1/node/signals', { signals: [{ ...signals[0], at: time }] }, asNode(at.node))
  const { items } = await ok(`GET /v1/events?tenant=${at.tenant}&type=workload.refused`, 200)
  assert.deepEqual(
    items.map(({ agent, actor, detail }: { agent: string; actor: string; detail: { count: number } }) => [
      agent,
      actor === `node:${at.node.reply.node}`,
      detail.count,
    ]),
    [
      [null, true, 1],
      [null, true, 1],
      ['invoice', true, 3],
    ],
  )
  assert.deepEqual((await ok(`GET /v1/events?tenant=${foreign.tenant}&type=workload.refused`, 200)).items, [])
  const bad = { signals: [{ ...signal, at: 'yesterday', entry: null, count: 1 }] }
  await refused('body_invalid', 'POST /v1/node/signals', bad, asNode(at.node))
})
