import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { banNode, exclusiveAll, unbanNode } from '@lanyard/authority'
import { FeedReader } from '../testing/feed-reader.ts'
import { NodeStream } from '../testing/node-stream.ts'
import { type HeldNode, joinNode, type NodeWish } from '../testing/nodes.ts'
import { adminStage } from '../testing/stages.ts'

const { server, ok } = await adminStage()

let made = 0

/** A tenant of its own, with an agent and a node. */
async function place(wish: Partial<NodeWish> = {}): Promise<{ tenant: string; node: HeldNode }> {
  const tenant = `c${++made}`
  await server.agent({ tenant, agent: 'invoice' })
  return { tenant, node: await joinNode(server, { name: `n${made}`, tenant, ...wish }) }
}

let uid = 0
const entry = async (tenant: string, settings: object = {}): Promise<string> =>
  (await ok('POST /v1/entries', 201, { tenant, agent: 'invoice', selectors: [`unix:uid:${++uid}`], ...settings })).id

const open = async (node: HeldNode, cursor?: string) => {
  const stream = await NodeStream.open(server, node, cursor)
  await stream.until(({ lines }) => lines.some(line => line.kind === 'entries' && !line.more))
  return stream
}
const ids = ({ entries }: NodeStream) => [...entries.keys()]

describe('what a node is told first', () => {
  test('the bundles, then all its entries, with what it needs of them', async () => {
    const { tenant, node } = await place()
    const at = await entry(tenant, { hint: 'main', x509_ttl_sec: 120, children: true, replicas: 3 })
    const stream = await open(node)
    const [bundles, entries] = stream.lines
    assert.ok(bundles?.kind === 'bundles' && entries?.kind === 'entries')
    assert.equal(bundles.trust_domain, 'example.test')
    assert.equal(bundles.bundle, server.pipeline.authorities.bundle().toJson())
    assert.deepEqual([entries.reset, entries.more, entries.removed], [true, false, []])
    const { id, selectors, hint, x509_ttl_sec, children, replicas, key_policy, spiffe_id } = entries.entries[0]!
    assert.deepEqual([id, selectors, hint, x509_ttl_sec], [at, [`unix:uid:${uid}`], 'main', 120])
    assert.deepEqual([children, replicas, key_policy], [true, 3, 'modern'])
    assert.equal(spiffe_id, `spiffe://example.test/tenant/${tenant}/agent/invoice`)
    stream.close()
  })

  test('that there are none, where there are none', async () => {
    const stream = await open((await place()).node)
    const [line] = stream.of('entries')
    assert.deepEqual([line!.reset, line!.more, line!.entries], [true, false, []])
    stream.close()
  })

  test('only those that it serves', async () => {
    const { tenant, node } = await place({ groups: ['edge'] })
    const other = await place()
    const served = [
      await entry(tenant),
      await entry(tenant, { parent: `node:${node.reply.name}` }),
      await entry(tenant, { parent: 'group:edge' }),
    ]
    await entry(tenant, { parent: 'node:elsewhere' })
    await entry(tenant, { parent: 'group:core' })
    await entry(other.tenant)
    const stream = await open(node)
    assert.deepEqual(ids(stream).sort(), served.sort())
    const all = await open(await joinNode(server, { name: 'of-all' }))
    assert.ok(new Set([...all.entries.values()].map(each => each.tenant)).size > 1)
    stream.close()
    all.close()
  })

  test('in lines of at most 500, of which the last says so', async () => {
    const { tenant, node } = await place()
    for (let round = 0; round < 12; round++) {
      const entries = Array.from({ length: 100 }, () => ({
        tenant,
        agent: 'invoice',
        selectors: [`unix:uid:${++uid}`],
      }))
      await ok('POST /v1/entries/batch', 201, { entries })
    }
    const stream = await open(node)
    const lines = stream.of('entries')
    assert.equal(stream.entries.size, 1200)
    assert.ok(lines.length >= 3 && lines.every(line => line.entries.length <= 500))
    assert.deepEqual([lines[0]!.reset, lines[1]!.reset, lines.at(-1)!.more], [true, false, false])
    // Whoever is cut off in the middle begins anew.
    const again = await open(node, lines[0]!.cursor)
    assert.equal(again.of('entries')[0]!.reset, true)
    assert.equal(again.entries.size, 1200)
    await ok(`PATCH /v1/tenants/${tenant}`, 200, { key_policy: 'rsa-only' })
    await stream.until(({ entries }) => [...entries.values()].every(each => each.key_policy === 'rsa-only'))
    assert.ok(stream.of('entries').every(line => line.entries.length <= 500))
    stream.close()
    again.close()
  })
})

describe('what a node is told then', () => {
  test('what comes, changes and goes, and nothing of others', async () => {
    const { tenant, node } = await place()
    const stream = await open(node)
    const id = await entry(tenant)
    await stream.until(({ entries }) => entries.has(id))
    await ok(`PATCH /v1/entries/${id}`, 200, { hint: 'other' })
    await stream.until(({ entries }) => entries.get(id)!.hint === 'other')
    const told = stream.lines.length
    await entry((await place()).tenant)
    await ok(`PATCH /v1/entries/${id}`, 200, { parent: 'node:elsewhere' })
    await stream.until(({ entries }) => !entries.has(id))
    await ok(`PATCH /v1/entries/${id}`, 200, { parent: null })
    await stream.until(({ entries }) => entries.has(id))
    await ok(`DELETE /v1/entries/${id}`, 204)
    await stream.until(({ entries }) => !entries.has(id))
    assert.equal(stream.lines.length, told + 3)
    stream.close()
  })

  test('from its cursor on, whatever happened meanwhile', async () => {
    const { tenant, node } = await place()
    const [stays, goes] = [await entry(tenant), await entry(tenant)]
    const first = await open(node)
    first.close()
    const nothing = await open(node, first.cursor)
    assert.deepEqual([nothing.of('entries')[0]!.reset, ids(nothing)], [false, []])
    nothing.close()
    await ok(`DELETE /v1/entries/${goes}`, 204)
    const comes = await entry(tenant)
    const next = await open(node, first.cursor)
    const [line] = next.of('entries')
    assert.deepEqual([line!.reset, line!.removed, ids(next)], [false, [goes], [comes]])
    assert.ok(!next.entries.has(stays))
    next.close()
  })

  test('all anew with a cursor that is not its own, or of another sight', async () => {
    const { tenant, node } = await place()
    await entry(tenant)
    const first = await open(node)
    const other = await open(await joinNode(server, { name: 'other', tenant }), first.cursor)
    assert.equal(other.of('entries')[0]!.reset, true)
    await ok(`PATCH /v1/nodes/${node.reply.node}`, 200, { groups: ['edge'] })
    await first.until(({ lines }) => lines.at(-1)!.kind === 'ended')
    assert.equal(first.of('ended')[0]!.code, 'resync')
    for (const cursor of [first.cursor, 'x', '', `999999999.${first.cursor.split('.')[1]}`]) {
      const stream = await open(node, cursor)
      assert.equal(stream.of('entries')[0]!.reset, true, cursor)
      stream.close()
    }
    other.close()
  })

  test('a bundle of another trust domain, once', async () => {
    const { node } = await place()
    const stream = await open(node)
    const bundle = server.pipeline.authorities.bundle().toJson()
    await ok('POST /v1/bundles', 201, { trust_domain: 'other.test', bundle })
    await stream.until(each => each.of('bundles').length === 2)
    assert.deepEqual(Object.keys(stream.of('bundles')[1]!.federated), ['other.test'])
    await ok('POST /v1/bundles', 201, { trust_domain: 'other.test', bundle })
    await ok('DELETE /v1/bundles/other.test', 204)
    await stream.until(each => each.of('bundles').length === 3)
    assert.deepEqual(stream.of('bundles')[2]!.federated, {})
    stream.close()
  })

  test('a beat, unless nobody here has seen the database of late', async () => {
    const { tenant, node } = await place()
    const stream = await open(node)
    server.clock.advance(1)
    server.nodeNews.beat()
    await stream.until(each => each.of('beat').length === 1)
    assert.equal(stream.of('beat')[0]!.at, server.clock.now())
    server.clock.advance(2)
    server.nodeNews.beat()
    const id = await entry(tenant)
    await stream.until(({ entries }) => entries.has(id))
    assert.equal(stream.of('beat').length, 1)
    stream.close()
  })
})

/** By another instance, of which this one hears when both are over. */
async function bannedElsewhere(node: string): Promise<void> {
  const { store, rows, act } = server.pipeline
  await store.write(() => banNode(rows, node, 'stolen', act()), exclusiveAll)
  await store.write(() => unbanNode(rows, node, act()), exclusiveAll)
}

describe('the end of a node', () => {
  const ends: [string, (node: string) => Promise<unknown>, 'node_banned' | 'node_unknown'][] = [
    ['a ban', node => ok(`POST /v1/nodes/${node}/ban`, 200, { reason: 'stolen' }), 'node_banned'],
    ['its removal', node => ok(`DELETE /v1/nodes/${node}`, 204), 'node_unknown'],
    ['a ban that was lifted before anybody here looked', bannedElsewhere, 'node_unknown'],
    ['a kill', node => ok('POST /v1/kill', 202, { minted_by: `node:${node}`, reason: 'stolen' }), 'node_banned'],
  ]
  for (const [why, end, code] of ends)
    test(`by ${why}: its streams say why and end, those of the feed too`, async () => {
      const { node } = await place()
      const neighbour = await open((await place()).node)
      const stream = await open(node)
      const feed = await FeedReader.open(server, { tls: node })
      await end(node.reply.node)
      await server.nodeNews.turn()
      await stream.until(({ ended }) => ended).catch(() => {})
      assert.equal(stream.of('ended')[0]?.code, code)
      assert.ok(await feed.over())
      const { status } = await server.call('GET /v1/node/changes', { tls: node })
      assert.ok(status === 401 || status === 403)
      assert.equal(neighbour.ended, false)
      neighbour.close()
    })

  test('by the death of its key', async () => {
    const { node } = await place()
    const stream = await open(node)
    const { key_thumbprint } = await ok(`GET /v1/nodes/${node.reply.node}`, 200)
    await ok('POST /v1/kill', 202, { key_thumbprint, reason: 'stolen' })
    await server.feed.glance()
    await stream.until(({ ended }) => ended).catch(() => {})
    assert.equal(stream.of('ended')[0]?.code, 'node_unknown')
  })

  test('by the end of its certificate', async () => {
    const stream = await open((await place()).node)
    server.clock.advance(3700)
    await server.nodeNews.turn()
    await stream.until(({ ended }) => ended).catch(() => {})
    assert.deepEqual(stream.of('ended'), [])
  })
})

test('one node has few streams at a time', async () => {
  const { node } = await place()
  const streams = await Promise.all([1, 2, 3, 4].map(() => open(node)))
  await assert.rejects(NodeStream.open(server, node), { status: 429 })
  for (const stream of streams) stream.close()
})
