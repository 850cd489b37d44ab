import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type LineageState, shared } from '@lanyard/authority'
import { Certificate, decodePem, toHex } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import type { CallOptions } from '../testing/client.ts'
import { type Held, type HttpHarness, openHttp } from '../testing/http.ts'
import { newRequest } from '../testing/machines.ts'
import { type HeldNode, heldNode, joinNode, joinToken } from '../testing/nodes.ts'
import { connectRaw } from '../testing/raw.ts'

let server: HttpHarness
let admin: string
let acme: string
let globex: string
let held: Held

before(async () => {
  server = await openHttp()
  admin = await server.apiKey('admin')
  for (const tenant of ['acme', 'globex']) await server.agent({ tenant, agent: 'a1' })
  held = await server.certificate({ tenant: 'acme', agent: 'a1' })
  acme = await server.apiKey('operator', { tenant: 'acme' })
  globex = await server.apiKey('operator', { tenant: 'globex' })
})
after(() => server.close())

let made = 0
const newName = () => `n${++made}`
const admins = (call: string, options: CallOptions = {}) => server.call(call, { token: admin, ...options })
const attest = (token: string, csr: string) =>
  server.call('POST /v1/nodes/attest', { body: { method: 'join_token', token, csr } })
const join = async (token: string) => attest(token, (await newRequest()).pem)
const renew = (node: HeldNode) => server.call('POST /v1/node/renew', { tls: node })
/** A route that any node may call, and that answers at once. */
const serves = (node: HeldNode) =>
  server.call('POST /v1/node/svids/jwt', { tls: node, body: { entry: 'f'.repeat(32), audience: ['a'] } })
const stateOf = async ({ reply }: HeldNode) => (await admins(`GET /v1/nodes/${reply.node}`)).body
const ban = (node: HeldNode, token = admin) =>
  server.call(`POST /v1/nodes/${node.reply.node}/ban`, { token, body: { reason: 'stolen' } })

describe('a join token', () => {
  test('makes one machine a node, with a certificate that no TLS takes for that of an agent', async () => {
    const name = newName()
    const node = await joinNode(server, { name, tenant: 'acme', groups: ['linux', 'build', 'linux'] })
    const { reply } = node
    const spiffeId = `spiffe://example.test/lanyard/node/acme/${name}`
    assert.deepEqual(
      [reply.name, reply.tenant, reply.groups, reply.spiffe_id],
      [name, 'acme', ['build', 'linux'], spiffeId],
    )
    const leaf = Certificate.fromDer(decodePem(reply.certificate, { labels: ['CERTIFICATE'] })[0]!.der)
    assert.deepEqual(leaf.subjectAltName?.uri, [spiffeId])
    assert.deepEqual(leaf.extendedKeyUsage, ['2.25.190180810.5'])
    assert.deepEqual(leaf.publicKey.der, spkiOf(node.privateKey))
    assert.equal(leaf.basicConstraints?.ca, false)
    const life = Date.parse(reply.not_after) - Date.parse(reply.renew_after)
    assert.ok(life > 1_500_000 && life < 2_100_000, `${life}`)
    const state = await stateOf(node)
    assert.deepEqual(
      [state.state, state.method, state.spiffe_id, state.banned_at],
      ['attested', 'join_token', spiffeId, null],
    )
    const entry = await serves(node)
    assert.equal(entry.body.code, 'entry_unknown')
  })

  test('of one tenant makes nodes of that one, others of all', async () => {
    const token = async (body: object, key: string) => server.call('POST /v1/nodes/join-tokens', { token: key, body })
    assert.equal((await token({ name: newName() }, acme)).body.tenant, 'acme')
    assert.equal((await token({ name: newName() }, admin)).body.tenant, null)
    assert.equal((await token({ name: newName(), tenant: 'globex' }, acme)).body.code, 'tenant_mismatch')
    assert.equal((await token({ name: newName(), tenant: 'nobody' }, admin)).body.code, 'tenant_unknown')
    for (const name of ['', 'N1', 'a/b', 'x509pop-', 'x509pop-1', 'a'.repeat(64)])
      assert.equal((await token({ name }, admin)).body.code, 'name_invalid', name)
    assert.equal((await token({ name: newName(), groups: ['A'] }, admin)).body.code, 'name_invalid')
    const { reply } = await joinNode(server, { name: newName() })
    assert.equal(reply.spiffe_id, `spiffe://example.test/lanyard/node/${reply.name}`)
  })

  test('is good for exactly one of many that come at once', async () => {
    const token = await joinToken(server, { name: newName() })
    const answers = await Promise.all(Array.from({ length: 64 }, () => join(token)))
    const statuses = answers.map(({ status }) => status).sort()
    assert.deepEqual(statuses, [201, ...Array(63).fill(401)])
    for (const { status, body } of answers) if (status !== 201) assert.equal(body.code, 'node_proof_invalid')
  })

  test('of many for one name makes one node', async () => {
    const name = newName()
    const tokens = await Promise.all(Array.from({ length: 8 }, () => joinToken(server, { name })))
    const answers = await Promise.all(tokens.map(join))
    assert.deepEqual(answers.map(({ status, body }) => (status === 201 ? 'made' : body.code)).sort(), [
      'made',
      ...Array(7).fill('node_exists'),
    ])
  })

  test('that is wrong, spent or over is refused, and told apart by nobody', async () => {
    const token = await joinToken(server, { name: newName() })
    const wrong = [
      '',
      'x',
      'lanyard_join_',
      `lanyard_join_${'0'.repeat(64)}`,
      token.slice(0, -1),
      `${token}0`,
      `${token}\n`,
      admin,
    ]
    const details = new Set<string>()
    for (const text of wrong) {
      const { body } = await join(text)
      assert.equal(body.code, 'node_proof_invalid', text)
      details.add(body.detail)
    }
    assert.equal((await join(token)).status, 201)
    details.add((await join(token)).body.detail)
    const short = await admins('POST /v1/nodes/join-tokens', { body: { name: newName(), ttl_sec: 10 } })
    server.clock.advance(10)
    details.add((await join(short.body.token)).body.detail)
    assert.equal(details.size, 1)
  })

  test('is not spent by a request that is none, nor where its name is taken', async () => {
    const name = newName()
    const token = await joinToken(server, { name })
    const { pem } = await newRequest()
    for (const csr of ['', 'x', pem.slice(0, -60), pem.replace('REQUEST', 'X'), `${pem}${pem}`])
      assert.equal((await attest(token, csr)).body.code, 'csr_invalid')
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    assert.equal((await attest(token, (await newRequest(weak)).pem)).body.code, 'key_too_small')
    assert.equal((await join(token)).status, 201)
    const [late, again] = [await joinToken(server, { name: newName() }), newName()]
    const before = await joinToken(server, { name: again })
    const node = await joinNode(server, { name: again })
    assert.equal((await join(before)).body.code, 'node_exists')
    assert.equal((await admins('POST /v1/nodes/join-tokens', { body: { name: again } })).body.code, 'node_exists')
    await admins(`DELETE /v1/nodes/${node.reply.node}`)
    assert.equal((await join(before)).status, 201)
    assert.equal((await join(late)).status, 201)
  })
})

// Each costs us more than a refused credential does.
test('a stranger has three proofs, then the next costs him a handshake', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  const body = JSON.stringify({ method: 'join_token', token: 'guess', csr: (await newRequest()).pem })
  const headers = ['Host: x', 'Content-Type: application/json', `Content-Length: ${body.length}`]
  const request = `${['POST /v1/nodes/attest HTTP/1.1', ...headers].join('\r\n')}\r\n\r\n${body}`
  connection.write(request.repeat(5))
  const text = await connection.closed()
  assert.equal(text.match(/"code":"node_proof_invalid"/g)?.length, 3)
})

describe('a node', () => {
  test('is known by the key that it attested with, and by no other', async () => {
    const node = await joinNode(server, { name: newName() })
    const [, second] = [await renew(node), await renew(node)]
    const renewed = heldNode(node.privateKey, second.body)
    assert.equal(renewed.reply.node, node.reply.node)
    // The one before still counts, so that a lost reply costs nothing.
    for (const one of [node, renewed]) assert.equal((await serves(one)).body.code, 'entry_unknown')
    await admins(`DELETE /v1/nodes/${node.reply.node}`)
    for (const one of [node, renewed]) {
      assert.equal((await serves(one)).body.code, 'node_unknown')
      assert.equal((await renew(one)).body.code, 'node_unknown')
    }
    const other = await joinNode(server, { name: node.reply.name })
    assert.notEqual(other.reply.node, node.reply.node)
    assert.equal((await serves(node)).body.code, 'node_unknown')
    assert.equal((await serves(other)).body.code, 'entry_unknown')
  })

  test('renews for a while after its end, and does nothing else then', async () => {
    const node = await joinNode(server, { name: newName() })
    server.clock.advance(3599)
    assert.equal((await serves(node)).body.code, 'entry_unknown')
    server.clock.advance(2)
    assert.equal((await serves(node)).body.code, 'certificate_expired')
    assert.equal((await stateOf(node)).state, 'ended')
    // Longer than the intermediate lives, which signed it.
    const grace = 7 * 86_400 - 60
    for (let day = 0; day < 7; day += 1) {
      server.clock.advance(Math.floor(grace / 7))
      await server.pipeline.authorities.rotate()
    }
    const { status, body } = await renew(node)
    assert.equal(status, 201, JSON.stringify(body))
    const renewed = heldNode(node.privateKey, body)
    assert.equal((await serves(renewed)).body.code, 'entry_unknown')
    assert.equal((await serves(node)).body.code, 'certificate_expired')
    admin = await server.apiKey('admin')
    acme = await server.apiKey('operator', { tenant: 'acme' })
    globex = await server.apiKey('operator', { tenant: 'globex' })
    held = await server.certificate({ tenant: 'acme', agent: 'a1' })
  })

  test('that ended longer ago renews no more, and leaves its name', async () => {
    const name = newName()
    const node = await joinNode(server, { name })
    server.clock.advance(3600 + 7 * 86_400)
    await server.pipeline.authorities.rotate()
    admin = await server.apiKey('admin')
    assert.equal((await renew(node)).body.code, 'certificate_expired')
    const next = await joinNode(server, { name })
    assert.notEqual(next.reply.node, node.reply.node)
    assert.equal((await renew(node)).body.code, 'node_unknown')
    acme = await server.apiKey('operator', { tenant: 'acme' })
    globex = await server.apiKey('operator', { tenant: 'globex' })
    held = await server.certificate({ tenant: 'acme', agent: 'a1' })
  })

  test('gets nothing that agents get, and agents nothing of nodes', async () => {
    const node = await joinNode(server, { name: newName(), tenant: 'acme' })
    const csr = (await newRequest()).pem
    const asNode = await server.call('POST /v1/agent/auth/cert', { tls: node, body: { csr } })
    assert.equal(asNode.body.code, 'permission_missing')
    for (const call of ['GET /v1/agents', 'GET /v1/entries', 'GET /v1/nodes', 'GET /v1/events'])
      assert.equal((await server.call(call, { tls: node })).body.code, 'permission_missing', call)
    assert.equal((await server.call('GET /v1/whoami', { tls: node })).body.code, 'unauthenticated')
    const asAgent = await server.call('POST /v1/node/renew', { tls: held })
    assert.equal(asAgent.body.code, 'permission_missing')
    // Two credentials must be one caller.
    const token = await server.token({ tenant: 'acme', agent: 'a1' })
    const both = await server.call('POST /v1/node/renew', { tls: node, token })
    assert.equal(both.body.code, 'credential_conflict')
    assert.equal(
      (await server.call('POST /v1/node/renew', { tls: node, token: admin })).body.code,
      'credential_conflict',
    )
  })

  test('whose key was killed is none', async () => {
    const node = await joinNode(server, { name: newName() })
    const kill = await admins('POST /v1/kill', {
      body: { key_thumbprint: (await stateOf(node)).key_thumbprint, reason: 'copied' },
    })
    assert.ok(kill.status < 300, kill.text)
    assert.equal((await serves(node)).body.code, 'node_unknown')
    assert.equal((await renew(node)).body.code, 'node_unknown')
    const token = await joinToken(server, { name: newName() })
    const answer = await attest(token, (await newRequest(node.privateKey)).pem)
    assert.equal(answer.body.code, 'key_killed')
  })
})

describe('an operator', () => {
  /** A lineage that this node opened, as its door does. */
  async function lineageOf({ reply }: HeldNode, tenant: string): Promise<string> {
    const lineage: LineageState = {
      ...{ id: toHex(nodeCrypto.sha256(spkiOf(generateKeyNow('P-256')))).slice(0, 32), tenant, agent: 'a1' },
      ...{ incarnation: 1, openedAt: server.clock.now(), endsAt: server.clock.now() + 86_400_000 },
      ...{ mintedBy: `node:${reply.node}`, jti: `${reply.node}.entry`, jkt: null },
      ...{ standing: 'open', generation: 0, newestKey: null },
    }
    const { store, rows } = server.pipeline
    await store.write(() => rows.lineages.insert(lineage), shared(tenant))
    return lineage.id
  }
  const standing = async (id: string) =>
    (await server.pipeline.store.read(() => server.pipeline.rows.lineages.subject(id)))?.lineage.standing

  test('bans a node, with all that it got for its workloads', async () => {
    const [node, other] = [await joinNode(server, { name: newName() }), await joinNode(server, { name: newName() })]
    const taken = [await lineageOf(node, 'acme'), await lineageOf(node, 'globex')]
    const kept = await lineageOf(other, 'acme')
    const banned = await ban(node)
    assert.deepEqual([banned.body.state, banned.body.ban_reason], ['banned', 'stolen'])
    for (const id of taken) assert.equal(await standing(id), 'ended')
    assert.equal(await standing(kept), 'open')
    await server.feed.glance()
    for (const id of taken) assert.equal((await deathOf(id))?.kind, 'lineage')
    for (const answer of [await serves(node), await renew(node)]) assert.equal(answer.body.code, 'node_banned')
    assert.equal((await serves(other)).body.code, 'entry_unknown')
    // It stays so: neither its name nor its removal lets it back in.
    assert.deepEqual((await ban(node)).body, banned.body)
    assert.equal((await admins(`DELETE /v1/nodes/${node.reply.node}`)).body.code, 'node_banned')
    const again = await admins('POST /v1/nodes/join-tokens', { body: { name: node.reply.name } })
    assert.equal(again.body.code, 'node_exists')
    const [event] = (await admins('GET /v1/events?type=node.banned&limit=1')).body.items
    assert.deepEqual([event.detail.node, event.detail.reason], [node.reply.node, 'stolen'])
  })

  const deathOf = (lineage: string) => {
    const { store, rows } = server.pipeline
    return store.read(() => rows.deaths.find('lineage', lineage))
  }

  test('tells a banned machine that holds a token from before, and the record', async () => {
    const name = newName()
    const token = await joinToken(server, { name })
    await ban(await joinNode(server, { name }))
    assert.equal((await join(token)).body.code, 'node_banned')
    const [event] = (await admins('GET /v1/events?type=node.refused&limit=1')).body.items
    assert.deepEqual([event.outcome, event.detail.name, event.detail.code], ['refused', name, 'node_banned'])
  })

  test('lifts a ban, and the machine attests anew', async () => {
    const node = await joinNode(server, { name: newName() })
    const unban = () => admins(`POST /v1/nodes/${node.reply.node}/unban`)
    assert.equal((await unban()).body.code, 'lifecycle_forbidden')
    await ban(node)
    const lifted = await unban()
    assert.deepEqual([lifted.body.state, lifted.body.banned_at], ['ended', null])
    for (const answer of [await serves(node), await renew(node)]) assert.equal(answer.body.code, 'node_unknown')
    const next = await joinNode(server, { name: node.reply.name })
    assert.equal((await serves(next)).body.code, 'entry_unknown')
  })

  test('removes a node, with all that it got for its workloads', async () => {
    const node = await joinNode(server, { name: newName() })
    const lineage = await lineageOf(node, 'acme')
    assert.equal((await admins(`DELETE /v1/nodes/${node.reply.node}`)).status, 204)
    assert.equal(await standing(lineage), 'ended')
    assert.equal((await admins(`GET /v1/nodes/${node.reply.node}`)).body.code, 'not_found')
    assert.equal((await admins(`DELETE /v1/nodes/${node.reply.node}`)).body.code, 'not_found')
  })

  test('regroups nodes', async () => {
    const node = await joinNode(server, { name: newName(), groups: ['a'] })
    const regroup = (groups: string[]) => admins(`PATCH /v1/nodes/${node.reply.node}`, { body: { groups } })
    assert.deepEqual((await regroup(['c', 'b', 'c'])).body.groups, ['b', 'c'])
    assert.equal((await regroup(['A'])).body.code, 'name_invalid')
    assert.deepEqual(heldNode(node.privateKey, (await renew(node)).body).reply.groups, ['b', 'c'])
  })

  test('sees and changes nodes of his own tenant alone', async () => {
    const mine = await joinNode(server, { name: newName(), tenant: 'acme' })
    const others = [
      await joinNode(server, { name: newName(), tenant: 'globex' }),
      await joinNode(server, { name: newName() }),
    ]
    for (const { reply } of others) {
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['PATCH', '', { groups: [] }],
        ['POST', '/ban', { reason: 'x' }],
        ['POST', '/unban', undefined],
        ['DELETE', '', undefined],
      ] as const) {
        const answer = await server.call(`${method} /v1/nodes/${reply.node}${path}`, { token: acme, body })
        assert.equal(answer.body.code, 'not_found', `${method} ${path}`)
      }
    }
    const { items } = (await server.call('GET /v1/nodes?limit=500', { token: acme })).body
    assert.ok(items.every(({ tenant }: { tenant: string }) => tenant === 'acme'))
    assert.ok(items.some(({ node }: { node: string }) => node === mine.reply.node))
    assert.equal((await server.call('GET /v1/nodes?tenant=acme', { token: globex })).body.code, 'tenant_mismatch')
    const named = await admins(`GET /v1/nodes?name=${mine.reply.name}`)
    assert.deepEqual(
      named.body.items.map(({ node }: { node: string }) => node),
      [mine.reply.node],
    )
    assert.equal((await ban(mine, acme)).status, 200)
  })
})

test('a node that renews without end is stopped, and still served', async () => {
  const node = await joinNode(server, { name: newName() })
  const statuses: number[] = []
  for (let n = 0; n < 61; n++) statuses.push((await renew(node)).status)
  assert.deepEqual([statuses.filter(status => status === 201).length, statuses.at(-1)], [60, 429])
  assert.equal((await serves(node)).body.code, 'entry_unknown')
})
