import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { test } from 'node:test'
import { closed, headOf } from '../testing/http2.ts'
import { FeedReader, type HttpHarness, openHttp } from '../testing/index.ts'

const SESSIONS = 250
const STREAMS = 4

/** A thousand streams of the feed; with a window of nothing they never take a byte. */
async function crowd(server: HttpHarness, token: string, reads: boolean) {
  const settings = reads ? {} : { initialWindowSize: 0 }
  const sessions: ClientHttp2Session[] = []
  const streams: ClientHttp2Stream[] = []
  const gone: Promise<void>[] = []
  const texts = new Map<ClientHttp2Stream, string>()
  let wake = () => {}
  for (let i = 0; i < SESSIONS; i++) {
    const session = connect('https://localhost', { ca: server.rootPem, port: server.port, host: '127.0.0.1', settings })
    session.setMaxListeners(STREAMS + 10)
    gone.push(closed(session))
    await once(session, 'connect')
    sessions.push(session)
    const answered = []
    for (let j = 0; j < STREAMS; j++) {
      const stream = session.request({ ':path': '/v1/feed', authorization: `Bearer ${token}` })
      stream.on('error', () => {})
      stream.setEncoding('latin1')
      if (reads)
        stream.on('data', chunk => {
          texts.set(stream, (texts.get(stream) ?? '') + chunk)
          wake()
        })
      streams.push(stream)
      answered.push(headOf(stream))
    }
    for (const head of await Promise.all(answered)) assert.equal(head[':status'], 200)
  }
  /** Waits until what they have heard is enough. */
  const until = async (enough: () => boolean) => {
    while (!enough()) await new Promise<void>(resolve => (wake = resolve))
  }
  return { gone, streams, texts, until, leave: () => sessions.forEach(session => void session.destroy()) }
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

/** Empty before one has come whole. */
function lastLineOf(text: string): string {
  const end = text.lastIndexOf('\n')
  return text.slice(text.lastIndexOf('\n', end - 1) + 1, Math.max(0, end))
}

function tellsDeath(line: string): boolean {
  const [, payload = ''] = line.split('.')
  return payload !== '' && JSON.parse(Buffer.from(payload, 'base64url').toString()).deaths.length > 0
}

test('a thousand readers hear of a kill by one signature', async t => {
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
  const own = await FeedReader.open(server, { token: admin })
  await own.until(({ lines }) => lines.length > 0)
  const last = () => new Set(readers.streams.map(stream => lastLineOf(readers.texts.get(stream) ?? '')))
  await readers.until(() => {
    const [line, ...others] = last()
    return others.length === 0 && tellsDeath(line!)
  })
  own.leave()
})

test('a thousand who take nothing delay nobody, and leave in time', async t => {
  const server = await openHttp({ limits: { rate_per_minute: 0, body_timeout_ms: 300 } })
  t.after(() => server.close())
  const admin = await server.apiKey('admin')
  const slow = await crowd(server, admin, false)
  t.after(() => slow.leave())
  const quick = await FeedReader.open(server, { token: admin })
  await quick.until(({ lines }) => lines.length > 0)
  assert.equal(server.feed.stats.readers, SESSIONS * STREAMS + 1)
  let over = false
  void Promise.all(slow.gone).then(() => {
    over = true
  })
  for (let i = 0; !over; i++) {
    const epoch = await kill(server, admin, `victim${i}`)
    await quick.until(reader => reader.epoch >= epoch)
  }
  assert.equal(quick.ended, false)
  // What the server has of a connection may end a turn of the loop after its client heard of it.
  while (server.feed.stats.readers > 1) await new Promise(setImmediate)
  quick.leave()
})
