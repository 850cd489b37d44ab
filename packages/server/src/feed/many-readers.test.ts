import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { test } from 'node:test'
import { FeedReader, type HttpHarness, openHttp } from '../testing/index.ts'

const SESSIONS = 250
const STREAMS = 4

/** A thousand streams of the feed; with a window of nothing they never take a byte. */
async function crowd(server: HttpHarness, token: string, reads: boolean) {
  const settings = reads ? {} : { initialWindowSize: 0 }
  const sessions: ClientHttp2Session[] = []
  const streams: ClientHttp2Stream[] = []
  const texts = new Map<ClientHttp2Stream, string>()
  for (let i = 0; i < SESSIONS; i++) {
    const session = connect('https://localhost', { ca: server.rootPem, port: server.port, host: '127.0.0.1', settings })
    session.on('error', () => {}).setMaxListeners(STREAMS + 10)
    await once(session, 'connect')
    sessions.push(session)
    const answered = []
    for (let j = 0; j < STREAMS; j++) {
      const stream = session.request({ ':path': '/v1/feed', authorization: `Bearer ${token}` })
      stream.on('error', () => {})
      stream.setEncoding('latin1')
      if (reads) stream.on('data', chunk => texts.set(stream, (texts.get(stream) ?? '') + chunk))
      streams.push(stream)
      answered.push(once(stream, 'response'))
    }
    for (const [head] of await Promise.all(answered)) assert.equal(head[':status'], 200)
  }
  return { sessions, streams, texts, leave: () => sessions.forEach(session => void session.destroy()) }
}

async function kill(server: HttpHarness, admin: string, agent: string): Promise<number> {
  await server.agent({ tenant: 'acme', agent })
  const { status, body } = await server.call(`POST /v1/agents/acme/${agent}/kill`, {
    token: admin,
    body: { reason: 'test' },
  })
  assert.equal(status, 202)
  return body.epoch
}

test('a thousand readers hear of a kill by one signature', { timeout: 60_000 }, async t => {
  const server = await openHttp({ limits: { rate_per_minute: 0 } })
  t.after(() => server.close())
  const admin = await server.apiKey('admin')
  const readers = await crowd(server, admin, true)
  t.after(() => readers.leave())
  await server.feed.glance()
  assert.equal(server.feed.stats.readers, SESSIONS * STREAMS)
  const { signatures } = server.feed.stats
  await kill(server, admin, 'victim')
  await server.feed.glance()
  assert.equal(server.feed.stats.signatures, signatures + 1)
  const tails = () => new Set(readers.streams.map(stream => readers.texts.get(stream)?.split('\n').at(-2)))
  const own = await FeedReader.open(server, { token: admin })
  await own.until(({ lines }) => lines.length > 0)
  while (tails().size > 1 || tails().has(undefined)) await once(readers.streams.at(-1)!, 'data')
  own.leave()
})

test('a thousand who take nothing delay nobody, and leave in time', { timeout: 60_000 }, async t => {
  const server = await openHttp({ limits: { rate_per_minute: 0, body_timeout_ms: 300 } })
  t.after(() => server.close())
  const admin = await server.apiKey('admin')
  const slow = await crowd(server, admin, false)
  t.after(() => slow.leave())
  const quick = await FeedReader.open(server, { token: admin })
  await quick.until(({ lines }) => lines.length > 0)
  assert.equal(server.feed.stats.readers, SESSIONS * STREAMS + 1)
  const gone = Promise.all(slow.sessions.map(session => (session.destroyed ? null : once(session, 'close'))))
  let over = false
  void gone.then(() => {
    over = true
  })
  for (let i = 0; !over; i++) {
    const epoch = await kill(server, admin, `victim${i}`)
    await quick.until(reader => reader.epoch >= epoch)
  }
  assert.equal(quick.ended, false)
  assert.equal(server.feed.stats.readers, 1)
  quick.leave()
})
