import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { test } from 'node:test'
import type { Sink } from '@lanyard/api'
import { Deaths } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { closed, headOf } from '../testing/http2.ts'
import { connectRaw } from '../testing/raw.ts'
import type { HttpLimits } from './ports.ts'

/** What the readers of a feed that only the test tells hold open. */
class Readers {
  readonly sinks: Sink[] = []
  closed = 0
  #waiting: (() => void)[] = []

  readonly feed = {
    feedId: 'test',
    tell() {},
    glance: () => Promise.resolve(),
    deaths: new Deaths(nodeCrypto),
    confirmNodes: async () => {},
    onEpoch() {},
    onDeaths() {},
    follow: async () => (sink: Sink) => {
      this.sinks.push(sink)
      this.#wake()
      return () => {
        this.closed++
        this.#wake()
      }
    },
  }

  async until(enough: () => boolean): Promise<void> {
    while (!enough()) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

async function open(limits: Partial<HttpLimits> = {}): Promise<{ readers: Readers; server: HttpHarness; key: string }> {
  const readers = new Readers()
  const server = await openHttp({ limits, parts: parts => ({ ...parts, feed: readers.feed }) })
  return { readers, server, key: await server.apiKey('admin') }
}

const line = (text: string) => Buffer.from(`${text}\n`)
const requestFeed = (key: string) => `GET /v1/feed HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n\r\n`

/** A reader by HTTP/2. It collects what comes, unless it is told not to read. */
async function readH2(server: HttpHarness, key: string, settings = {}) {
  const session = connect('https://localhost', { ca: server.rootPem, port: server.port, host: '127.0.0.1', settings })
  session.on('error', () => {})
  const stream = session.request({ ':path': '/v1/feed', authorization: `Bearer ${key}` })
  const over = closed(stream)
  return { session, stream, over, head: await headOf(stream) }
}

/** Writes as much as the reader takes. */
function fill(sink: Sink): void {
  const piece = Buffer.alloc(65_536, 0x61)
  const more = () => {
    while (sink.write(piece));
  }
  sink.onDrain(more)
  more()
}

test('a reply without end goes on in both protocols, and ends in order', async () => {
  const { readers, server, key } = await open()
  const http1 = await connectRaw(server.port, server.rootPem)
  http1.write(requestFeed(key))
  const head = await http1.until(text => text.includes('\r\n\r\n'))
  assert.match(head, /^HTTP\/1\.1 200 .*content-type: application\/jsonl\r\n/is)
  assert.match(head, /connection: close/i)
  await readers.until(() => readers.sinks.length === 1)
  const http2 = await readH2(server, key)
  assert.deepEqual([http2.head[':status'], http2.head['content-type']], [200, 'application/jsonl'])
  let text = ''
  http2.stream.setEncoding('utf8').on('data', chunk => (text += chunk))
  await readers.until(() => readers.sinks.length === 2)
  for (const word of ['one', 'two']) for (const sink of readers.sinks) sink.write(line(word))
  await http1.until(all => all.includes('two\n'))
  for (const sink of readers.sinks) sink.end()
  assert.match(await http1.closed(), /one\n.*two\n.*\r\n0\r\n\r\n$/s)
  await http2.over
  assert.equal(text, 'one\ntwo\n')
  await readers.until(() => readers.closed === 2)
  http2.session.destroy()
  await server.close()
})

test('no limit of time ends a reply without end, however silent it is', async () => {
  const limits = { idle_timeout_ms: 400, header_timeout_ms: 400, body_timeout_ms: 400 }
  const { readers, server, key } = await open(limits)
  const http1 = await connectRaw(server.port, server.rootPem)
  http1.write(requestFeed(key))
  const http2 = await readH2(server, key)
  await readers.until(() => readers.sinks.length === 2)
  // As long as it takes to cut one that has nothing under way, of each protocol, twice.
  for (let i = 0; i < 2; i++) {
    const idle = closed(connect('https://localhost', { ca: server.rootPem, port: server.port, host: '127.0.0.1' }))
    const idle1 = await connectRaw(server.port, server.rootPem)
    await Promise.all([idle, idle1.closed()])
  }
  assert.equal(readers.closed, 0)
  for (const sink of readers.sinks) sink.write(line('alive'))
  await Promise.all([http1.until(all => all.includes('alive')), once(http2.stream, 'data')])
  http2.session.destroy()
  http1.socket.destroy()
  await readers.until(() => readers.closed === 2)
  await server.close()
})

test('who takes nothing of what waits for it is cut, in both protocols', async () => {
  const { readers, server, key } = await open({ body_timeout_ms: 300 })
  const http1 = await connectRaw(server.port, server.rootPem)
  http1.write(requestFeed(key))
  await http1.until(text => text.includes('\r\n\r\n'))
  http1.socket.pause()
  const http2 = await readH2(server, key, { initialWindowSize: 0 })
  await readers.until(() => readers.sinks.length === 2)
  for (const sink of readers.sinks) fill(sink)
  await readers.until(() => readers.closed === 2)
  assert.equal((await server.call('GET /healthz')).status, 200)
  http2.session.destroy()
  http1.socket.destroy()
  await server.close()
})

test('who takes what waits goes on, and is told so', async () => {
  const { readers, server, key } = await open({ body_timeout_ms: 300 })
  const { stream, session, over } = await readH2(server, key)
  await readers.until(() => readers.sinks.length === 1)
  const [sink] = readers.sinks
  const drained = new Promise<void>(resolve => sink!.onDrain(resolve))
  const piece = Buffer.alloc(65_536, 0x61)
  let written = 0
  do written += piece.length
  while (sink!.write(piece))
  let read = 0
  stream.on('data', chunk => (read += chunk.length))
  await drained
  sink!.end()
  await over
  assert.equal(read, written)
  session.destroy()
  await server.close()
})

test('behind a reply without end nobody waits: who sends more on its connection loses it', async () => {
  const { readers, server, key } = await open()
  const http1 = await connectRaw(server.port, server.rootPem)
  http1.write(requestFeed(key))
  await readers.until(() => readers.sinks.length === 1)
  http1.write(requestFeed(key))
  await http1.closed()
  await readers.until(() => readers.closed === 1)
  assert.equal(readers.sinks.length, 1)
  await server.close()
})

test('one connection has a few of them, and is refused more until one ends', async () => {
  const { readers, server, key } = await open()
  const { session } = await readH2(server, key)
  const more = () => {
    const stream = session.request({ ':path': '/v1/feed', authorization: `Bearer ${key}` })
    stream.on('error', () => {}).resume()
    return headOf(stream).then(head => head[':status'])
  }
  for (let i = 0; i < 3; i++) assert.equal(await more(), 200)
  assert.equal(await more(), 429)
  readers.sinks[0]!.end()
  await readers.until(() => readers.closed === 1)
  assert.equal(await more(), 200)
  session.destroy()
  await server.close()
})

test('the head alone may be asked for', async () => {
  const { readers, server, key } = await open()
  const { status, text } = await server.call('HEAD /v1/feed', { token: key })
  assert.deepEqual([status, text, readers.sinks.length], [200, '', 0])
  await server.close()
})

test('a server that stops ends them in order at once', async () => {
  const { readers, server, key } = await open()
  const http1 = await connectRaw(server.port, server.rootPem)
  http1.write(requestFeed(key))
  const { stream, over } = await readH2(server, key)
  stream.resume()
  await readers.until(() => readers.sinks.length === 2)
  const stopped = server.http.close(60_000)
  assert.match(await http1.closed(), /\r\n0\r\n\r\n$/)
  await Promise.all([stopped, over])
  assert.equal(stream.rstCode, 0)
  assert.equal(readers.closed, 2)
  await server.close()
})
