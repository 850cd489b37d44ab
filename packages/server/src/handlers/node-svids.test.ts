import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Certificate, decodePem, verifyJwtSvid, verifyWitSvid, verifyX509Svid } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { csrOf, type Held, pemOf } from '../testing/http.ts'
import { type HeldNode, joinNode } from '../testing/nodes.ts'
import { adminStage } from '../testing/stages.ts'

const { server, ok, refused } = await adminStage()

let made = 0

interface Place {
  readonly tenant: string
  readonly node: HeldNode
  readonly entry: string
}

/** A tenant of its own, with an agent, a node and an entry. */
async function place(settings: object = {}, wish: { groups?: string[]; tenant?: null } = {}): Promise<Place> {
  const tenant = `w${++made}`
  await server.agent({ tenant, agent: 'invoice' })
  const node = await joinNode(server, { name: `n${made}`, tenant, ...wish })
  const { id } = await ok('POST /v1/entries', 201, entryOf(tenant, settings))
  return { tenant, node, entry: id }
}

const entryOf = (tenant: string, settings: object = {}) => ({
  tenant,
  agent: 'invoice',
  selectors: ['unix:uid:1001'],
  ...settings,
})

const X509 = 'POST /v1/node/svids/x509'
const JWT = 'POST /v1/node/svids/jwt'
const WIT = 'POST /v1/node/svids/wit'

const newCsr = (key = generateKeyNow('P-256')) => csrOf(key)
const asNode = ({ node }: Place) => ({ token: undefined, tls: node })

async function x509(at: Place, more: object = {}) {
  return await ok(X509, 201, { entry: at.entry, csr: await newCsr(), ...more }, asNode(at))
}
const jwt = (at: Place, audience = ['billing']) => ok(JWT, 201, { entry: at.entry, audience }, asNode(at))
const follows = ({ lineage, serial }: { lineage: string; serial: string }) => ({ renews: { lineage, serial } })
const PEM = { labels: ['CERTIFICATE'] }
const leafOf = ({ certificate }: { certificate: string }) => Certificate.fromDer(decodePem(certificate, PEM)[0]!.der)
const now = () => Math.floor(server.clock.now() / 1000)
const bundles = () => server.pipeline.authorities.bundle()

async function events(tenant: string, type: string) {
  return (await ok(`GET /v1/events?tenant=${tenant}&type=${type}`, 200)).items
}

describe('an X.509-SVID for a workload', () => {
  test('is one of the agent, signed by the same authority, in a lineage that the node opens', async () => {
    const at = await place()
    const reply = await x509(at)
    const leaf = leafOf(reply)
    const chain = [leaf, Certificate.fromDer(decodePem(reply.chain, PEM)[0]!.der)]
    const { id } = verifyX509Svid({ chain, bundles, at: now(), purpose: 'clientAuth' }, nodeCrypto)
    assert.equal(`${id}`, `spiffe://example.test/tenant/${at.tenant}/agent/invoice`)
    assert.deepEqual(leaf.subjectAltName?.dns, [])
    assert.equal(reply.validity_sec, 300)
    assert.deepEqual([leaf.lanyard?.incarnation, reply.incarnation], [1, 1])
    const [opened] = await events(at.tenant, 'lineage.opened')
    assert.equal(opened.actor, `node:${at.node.reply.node}`)
    assert.deepEqual(opened.detail, { lineage: reply.lineage, entry: at.entry })
    const [issued] = await events(at.tenant, 'cert.issued')
    assert.equal(issued.detail.minted_by, `node:${at.node.reply.node}`)
    const agent = await ok(`GET /v1/agents/${at.tenant}/invoice`, 200)
    assert.equal(agent.lifecycle, 'active')
  })

  test('lives as the entry says, and never longer than the tier allows by now', async () => {
    const at = await place({ x509_ttl_sec: 120 })
    assert.equal((await x509(at)).validity_sec, 120)
    await ok(`PATCH /v1/agents/${at.tenant}/invoice`, 200, { tier: 'restricted' })
    assert.equal((await x509(at)).validity_sec, 60)
  })

  test('ends with its entry, but lives for the least that there is', async () => {
    const until = (seconds: number) => ({ expires_at: new Date(server.clock.now() + seconds * 1000).toISOString() })
    const lives = async (at: Place) => {
      const token = await jwt(at)
      return [(await x509(at)).validity_sec, (Date.parse(token.expires_at) - Date.parse(token.issued_at)) / 1000]
    }
    assert.deepEqual(await lives(await place(until(100))), [100, 100])
    assert.deepEqual(await lives(await place(until(5))), [60, 60])
    assert.deepEqual(await lives(await place({ ...until(100), x509_ttl_sec: 90, jwt_ttl_sec: 80 })), [90, 80])
    assert.deepEqual(await lives(await place(until(3000))), [300, 300])
  })

  test('carries the host names of the entry, under the configured suffixes', async () => {
    const at = await place({ dns_names: ['invoice.svc.test', 'svc.test'] })
    const reply = await x509(at)
    assert.deepEqual(leafOf(reply).subjectAltName?.dns, ['invoice.svc.test', 'svc.test'])
    await refused('dns_name_forbidden', `PATCH /v1/entries/${at.entry}`, { dns_names: ['example.com'] })
  })

  test('is given in no further lineage when many of them are frozen, until they are ended', async () => {
    const at = await place()
    const fork = async () => {
      const first = await x509(at)
      await x509(at, follows(first))
      await refused('lineage_forked', X509, { entry: at.entry, csr: await newCsr(), ...follows(first) }, asNode(at))
      return first.lineage
    }
    const lineages: string[] = []
    for (let n = 0; n < 20; n++) lineages.push(await fork())
    assert.equal(new Set(lineages).size, 20)
    await refused('lineage_forked', X509, { entry: at.entry, csr: await newCsr() }, asNode(at))
    await refused('lineage_forked', JWT, { entry: at.entry, audience: ['billing'] }, asNode(at))
    await ok('POST /v1/kill', 202, { lineage: lineages[0], reason: 'looked into' })
    await x509(at)
  })

  test('renews in its lineage; the certificate before the last freezes it', async () => {
    const at = await place()
    const first = await x509(at)
    const second = await x509(at, follows(first))
    const third = await x509(at, follows(second))
    assert.deepEqual([second.lineage, third.lineage], [first.lineage, first.lineage])
    const csr = await newCsr()
    await refused('lineage_forked', X509, { entry: at.entry, csr, ...follows(second) }, asNode(at))
    await refused('lineage_forked', X509, { entry: at.entry, csr, ...follows(third) }, asNode(at))
    assert.equal((await events(at.tenant, 'lineage.forked')).length, 1)
    const anew = await x509(at)
    assert.notEqual(anew.lineage, first.lineage)
  })

  test('goes on in its lineage for a node that lost what it held, and a lost reply comes again', async () => {
    const at = await place()
    const first = await x509(at)
    const csr = await newCsr()
    const again = await ok(X509, 201, { entry: at.entry, csr }, asNode(at))
    const same = await ok(X509, 201, { entry: at.entry, csr }, asNode(at))
    assert.deepEqual([again.lineage, same.lineage], [first.lineage, first.lineage])
    assert.notEqual(same.serial, again.serial)
    assert.equal((await events(at.tenant, 'lineage.opened')).length, 1)
    await x509(at, follows(same))
    await refused('lineage_forked', X509, { entry: at.entry, csr: await newCsr(), ...follows(first) }, asNode(at))
  })

  test('follows only what this node got for this entry', async () => {
    const at = await place()
    const other = await place()
    const neighbour = await joinNode(server, { name: 'neighbour', tenant: at.tenant })
    const { id } = await ok('POST /v1/entries', 201, entryOf(at.tenant, { selectors: ['unix:uid:7'] }))
    const mine = await x509(at)
    const table: [string, object][] = [
      ['another tenant', follows(await x509(other))],
      ['another node', follows(await x509({ ...at, node: neighbour }))],
      ['another entry', follows(await x509({ ...at, entry: id }))],
      ['another lineage', follows({ lineage: '0'.repeat(32), serial: mine.serial })],
      ['no certificate', follows({ lineage: mine.lineage, serial: '0'.repeat(32) })],
      ['no serial', follows({ lineage: mine.lineage, serial: 'x' })],
    ]
    for (const [why, renews] of table) {
      const problem = await refused(
        'lineage_ended',
        X509,
        { entry: at.entry, csr: await newCsr(), ...renews },
        asNode(at),
      )
      assert.ok(problem, why)
    }
  })

  test('is refused a key that the policy of the tenant forbids, and a renewal with the same key', async () => {
    const at = await place()
    const key = generateKeyNow('P-256')
    const first = await x509(at, { csr: await newCsr(key) })
    await refused('key_reused', X509, { entry: at.entry, csr: await newCsr(key), ...follows(first) }, asNode(at))
    await ok(`PATCH /v1/tenants/${at.tenant}`, 200, { key_policy: 'rsa-only' })
    await refused('key_type_forbidden', X509, { entry: at.entry, csr: await newCsr() }, asNode(at))
    await refused('csr_invalid', X509, { entry: at.entry, csr: 'x' }, asNode(at))
  })

  test('renews by the node alone: its holder gets no certificate for itself', async () => {
    const at = await place()
    const key = generateKeyNow('P-256')
    const reply = await x509(at, { csr: await newCsr(key) })
    const tls = { key: pemOf(key), cert: reply.certificate + reply.chain }
    const csr = await newCsr()
    await refused('permission_missing', 'POST /v1/agent/auth/cert', { csr }, { token: undefined, tls })
    const whoami = await ok('GET /v1/whoami', 200, undefined, { token: undefined, tls })
    assert.equal(whoami.agent, 'invoice')
    await refused('permission_missing', X509, { entry: at.entry, csr }, { token: undefined, tls })
  })
})

describe('tokens for workloads', () => {
  const verify = (token: string, audience: string) => verifyJwtSvid({ token, audience, bundles, at: now() }, nodeCrypto)

  test('a JWT-SVID is signed by the authority of the bundle, and its event is its record', async () => {
    const at = await place()
    const reply = await jwt(at, ['billing', 'mail', 'billing'])
    const { id, claims } = verify(reply.token, 'mail')
    assert.equal(`${id}`, reply.spiffe_id)
    assert.deepEqual(claims.aud, ['billing', 'mail'])
    assert.equal(claims.exp - claims.iat!, 300)
    const [issued] = await events(at.tenant, 'jwt.issued')
    assert.equal(issued.actor, `node:${at.node.reply.node}`)
    const { jti, lineage, expires_at, audience } = issued.detail
    assert.deepEqual([claims.jti, claims.lin, claims.exp, claims.aud], [jti, lineage, expires_at, audience])
    assert.equal(claims.inc, 1)
    assert.equal((await x509(at)).lineage, claims.lin)
    assert.equal(verify((await jwt(at)).token, 'billing').claims.lin, claims.lin)
    assert.equal((await events(at.tenant, 'lineage.opened')).length, 1)
  })

  test('live as the entry says, and at most as the tier and five minutes allow', async () => {
    const life = async (at: Place) => {
      const { iat, exp } = verify((await jwt(at)).token, 'billing').claims
      return exp - iat!
    }
    assert.equal(await life(await place({ jwt_ttl_sec: 60 })), 60)
    const gold = await place()
    await ok(`PATCH /v1/agents/${gold.tenant}/invoice`, 200, { tier: 'gold' })
    assert.equal(await life(gold), 300)
    await ok(`PATCH /v1/entries/${gold.entry}`, 200, { jwt_ttl_sec: 400 })
    assert.equal(await life(gold), 400)
    await ok(`PATCH /v1/agents/${gold.tenant}/invoice`, 200, { tier: 'restricted' })
    assert.equal(await life(gold), 60)
  })

  test('no audience of ours, and none so long that nobody would read it', async () => {
    const at = await place()
    const own = ['lanyard:example.test', 'LANYARD:example.test']
    for (const audience of [[own[0]!], ['billing', own[1]!], Array.from({ length: 8 }, (_, i) => `${i}`.repeat(1024))])
      await refused('audience_invalid', JWT, { entry: at.entry, audience }, asNode(at))
    await refused('body_invalid', JWT, { entry: at.entry, audience: [] }, asNode(at))
    await refused('body_invalid', JWT, { entry: at.entry, audience: [''] }, asNode(at))
  })

  test('a WIT-SVID binds the key of the CSR', async () => {
    const at = await place()
    const key = generateKeyNow('P-384')
    const { token } = await ok(WIT, 201, { entry: at.entry, csr: await newCsr(key) }, asNode(at))
    const verified = verifyWitSvid({ token, bundles, at: now() }, nodeCrypto)
    assert.deepEqual(verified.key.spki, spkiOf(key))
    assert.equal(verified.claims.aud, undefined)
    assert.equal((await events(at.tenant, 'wit.issued')).length, 1)
    const ed = await newCsr(generateKeyNow('Ed25519'))
    await refused('key_type_forbidden', WIT, { entry: at.entry, csr: ed }, asNode(at))
    await refused('csr_invalid', WIT, { entry: at.entry, csr: 'x' }, asNode(at))
  })
})

/** Every way to an SVID, refused with one code. */
async function gets(code: string, at: Place): Promise<void> {
  const csr = await newCsr()
  await refused(code, X509, { entry: at.entry, csr }, asNode(at))
  await refused(code, JWT, { entry: at.entry, audience: ['billing'] }, asNode(at))
  await refused(code, WIT, { entry: at.entry, csr }, asNode(at))
}

describe('whoever may not have it gets nothing by any way', () => {
  test('a node of one tenant sees nothing of another', async () => {
    const at = await place()
    const other = await place()
    await gets('entry_unknown', { ...at, node: other.node })
    assert.deepEqual(await events(at.tenant, 'cert.refused'), [])
    await gets('entry_unknown', { ...at, entry: 'f'.repeat(32) })
    await gets('entry_unknown', { ...at, entry: '../x' })
    const all = await joinNode(server, { name: `all${at.tenant}` })
    await x509({ ...at, node: all })
    await x509({ ...other, node: all })
  })

  test('an entry with a parent is for that node, or nodes of that group', async () => {
    const at = await place({ parent: 'node:elsewhere' })
    await gets('node_not_parent', at)
    const [refusal] = await events(at.tenant, 'cert.refused')
    assert.deepEqual([refusal.agent, refusal.detail.code], ['invoice', 'node_not_parent'])
    await ok(`PATCH /v1/entries/${at.entry}`, 200, { parent: 'group:edge' })
    await gets('node_not_parent', at)
    await ok(`PATCH /v1/nodes/${at.node.reply.node}`, 200, { groups: ['edge'] })
    await x509(at)
  })

  test('an entry that expired or was deleted', async () => {
    const at = await place()
    const inAMinute = new Date(server.clock.now() + 60_000).toISOString()
    await ok(`PATCH /v1/entries/${at.entry}`, 200, { expires_at: inAMinute })
    await x509(at)
    server.clock.advance(61)
    await gets('entry_expired', at)
    await ok(`DELETE /v1/entries/${at.entry}`, 204)
    await gets('entry_unknown', at)
  })

  test('a dead agent, until it lives again', async () => {
    const at = await place()
    const first = await x509(at)
    await ok(`POST /v1/agents/${at.tenant}/invoice/kill`, 202, { reason: 'test' })
    await gets('agent_quarantined', at)
    const renewal = { entry: at.entry, csr: await newCsr(), ...follows(first) }
    await refused('agent_quarantined', X509, renewal, asNode(at))
    await ok(`POST /v1/agents/${at.tenant}/invoice/reinstate`, 200, { reason: 'test' })
    await refused('incarnation_dead', X509, renewal, asNode(at))
    const reborn = await x509(at)
    assert.equal(reborn.incarnation, 2)
    assert.notEqual(reborn.lineage, first.lineage)
    await ok(`DELETE /v1/agents/${at.tenant}/invoice`, 204)
    await gets('agent_retired', at)
  })

  test('a dead tenant', async () => {
    const at = await place()
    await ok(`POST /v1/tenants/${at.tenant}/kill`, 202, { reason: 'test' })
    await gets('tenant_killed', at)
  })

  test('a node whose own certificate has ended', async () => {
    const at = await place()
    server.clock.advance(3700)
    await gets('certificate_expired', at)
  })

  test('nobody who is no node', async () => {
    const at = await place()
    const held: Held = await server.certificate({ tenant: at.tenant, agent: 'invoice' })
    await gets('permission_missing', { ...at, node: held as never })
    await refused('permission_missing', JWT, { entry: at.entry, audience: ['billing'] })
  })
})
