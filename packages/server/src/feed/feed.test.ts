import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { after, before, beforeEach, describe, test } from 'node:test'
import { exclusive } from '@lanyard/authority'
import { Deaths } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { closed, headOf } from '../testing/http2.ts'
import { FeedReader, type Held, type HttpHarness, openHttp } from '../testing/index.ts'

let server: HttpHarness
let admin: string
let names = 0

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 } })
  admin = await server.apiKey('admin', { expiresInSec: 86_400 })
})
after(() => server.close())

let key: { tenant: string; agent: string }
let held: Held
beforeEach(async () => {
  key = { tenant: 'acme', agent: `a${++names}` }
  await server.agent(key)
  held = await server.certificate(key)
})

const kill = async (agent: string) => {
  const { status, body } = await server.call(`POST /v1/agents/acme/${agent}/kill`, {
    token: admin,
    body: { reason: 'test' },
  })
  assert.equal(status, 202, JSON.stringify(body))
  return body.epoch as number
}

const another = async (): Promise<{ agent: string; held: Held }> => {
  const agent = `b${++names}`
  await server.agent({ tenant: 'acme', agent })
  return { agent, held: await server.certificate({ tenant: 'acme', agent }) }
}

describe('the feed', () => {
  test('tells a kill to whoever follows it, by certificate or API key', async () => {
    const victim = await another()
    const readers = [await FeedReader.open(server, { tls: held }), await FeedReader.open(server, { token: admin })]
    for (const reader of readers) await reader.until(({ lines }) => lines.length > 0)
    const epoch = await kill(victim.agent)
    for (const reader of readers) {
      await reader.until(({ epoch: heard }) => heard >= epoch)
      const deaths = new Deaths(nodeCrypto)
      for (const line of reader.lines) deaths.apply(line)
      const id = server.pipeline.spiffeIdOf({ tenant: 'acme', agent: victim.agent })
      const credential = { id, tenant: 'acme', incarnation: 1, lineage: null, keyThumbprint: 'x', issuerKeyId: null }
      assert.equal(deaths.judge(credential), 'agent')
      reader.leave()
    }
  })

  test('goes on where a reader was', async () => {
    const first = await FeedReader.open(server, { tls: held })
    await first.until(({ lines }) => lines.length > 0)
    const { epoch, feedId } = first.lines.at(-1)!
    first.leave()
    const told = await kill((await another()).agent)
    const again = await FeedReader.open(server, { tls: held }, `?since=${epoch}&feed_id=${feedId}`)
    await again.until(reader => reader.epoch === told)
    assert.deepEqual(
      [again.lines[0]!.kind, again.lines[0]!.prev, again.lines[0]!.epoch, again.lines[0]!.deaths.length],
      ['delta', epoch, told, 1],
    )
    again.leave()
    const restored = await FeedReader.open(server, { tls: held }, `?since=${epoch}&feed_id=other`)
    await restored.until(({ lines }) => lines.length > 0)
    assert.equal(restored.lines[0]!.kind, 'snapshot')
    restored.leave()
  })

  test('ends for who is killed, on the spot, and for nobody else', async () => {
    const victim = await another()
    const [theirs, own] = [
      await FeedReader.open(server, { tls: victim.held }),
      await FeedReader.open(server, { tls: held }),
    ]
    const epoch = await kill(victim.agent)
    assert.equal(await theirs.over(), false)
    await own.until(reader => reader.epoch >= epoch)
    assert.equal(own.ended, false)
    own.leave()
    await assert.rejects(() => FeedReader.open(server, { tls: victim.held }), { status: 403 })
  })

  test('is over for who revokes itself on the same connection, and the revocation is answered', async () => {
    const where = { ca: server.rootPem, port: server.port, host: '127.0.0.1', key: held.key, cert: held.cert }
    const session = connect('https://localhost', where)
    const stream = session.request({ ':path': '/v1/feed' }).resume()
    const gone = [closed(stream), closed(session)]
    await headOf(stream)
    const revoking = session.request({
      ':method': 'POST',
      ':path': '/v1/agent/auth/revoke',
      'content-type': 'application/json',
    })
    revoking.on('error', () => {}).end(JSON.stringify({ serial: held.serial, reason: 'done' }))
    const head = await headOf(revoking)
    assert.equal(head[':status'], 200)
    revoking.resume()
    await Promise.all(gone)
  })

  test('ends in good order with the certificate that opened it', async () => {
    const reader = await FeedReader.open(server, { tls: held })
    server.clock.advance(600)
    await server.feed.turn()
    assert.equal(await reader.over(), true)
    await assert.rejects(() => FeedReader.open(server, { tls: held }), { status: 401 })
  })

  // No clock goes on here: what ends them is the look that follows the act.
  test('ends for an API key that is deleted or killed, also by the key that made it, and for no other', async () => {
    const make = async (token: string, role = 'auditor', seconds = 600) => {
      const body = { name: 'k', role, expires_in_sec: seconds }
      return (await server.call('POST /v1/api-keys', { token, body })).body
    }
    const other = await FeedReader.open(server, { token: (await make(admin)).key })
    const deleted = await make(admin)
    const maker = await make(admin, 'admin', 1200)
    const made = await make(maker.key)
    const ends: [string, object | undefined, string[]][] = [
      [`DELETE /v1/api-keys/${deleted.id}`, undefined, [deleted.key]],
      ['POST /v1/kill', { minted_by: `api-key:${maker.id}`, reason: 'stolen' }, [maker.key, made.key]],
    ]
    for (const [call, body, keys] of ends) {
      const readers = await Promise.all(keys.map(token => FeedReader.open(server, { token })))
      const { status } = await server.call(call, { token: admin, ...(body && { body }) })
      assert.ok(status < 300, `${call}: ${status}`)
      for (const reader of readers) assert.equal(await reader.over(), true)
    }
    assert.equal(other.ended, false)
    other.leave()
  })

  test('is refused where the position makes no sense', async () => {
    for (const query of ['?since=-1', '?since=x', '?feed_id=x', '?since=1.5'])
      await assert.rejects(() => FeedReader.open(server, { tls: held }, query), { status: 400 }, query)
  })

  test('tells the reinstated as reborn', async () => {
    const victim = await another()
    const reader = await FeedReader.open(server, { tls: held })
    await kill(victim.agent)
    const { status } = await server.call(`POST /v1/agents/acme/${victim.agent}/reinstate`, {
      token: admin,
      body: { reason: 'found' },
    })
    assert.equal(status, 200)
    await server.feed.glance()
    await reader.until(({ lines }) => lines.some(({ rebirths }) => rebirths.length === 1))
    reader.leave()
    const fresh = await server.certificate({ tenant: 'acme', agent: victim.agent })
    const theirs = await FeedReader.open(server, { tls: fresh })
    await theirs.until(({ lines }) => lines.length > 0)
    assert.equal(theirs.ended, false)
    theirs.leave()
  })
})

describe('a store that cannot be read', () => {
  test('makes the feed silent, and refuses who comes', async t => {
    const away = await openHttp()
    t.after(() => away.close().catch(() => {}))
    const token = await away.apiKey('admin')
    const reader = await FeedReader.open(away, { token })
    await reader.until(({ lines }) => lines.length > 0)
    const heard = reader.lines.length
    const { store } = away.pipeline
    const broken = t.mock.method(store, 'read', () => Promise.reject(new Error('away')))
    await away.feed.turn()
    assert.equal(reader.lines.length, heard)
    broken.mock.restore()
    const { rows } = away.pipeline
    await store.urgent(() => rows.epoch.bump(), exclusive())
    await away.feed.turn()
    await reader.until(({ lines }) => lines.length > heard)
    reader.leave()
  })
})
