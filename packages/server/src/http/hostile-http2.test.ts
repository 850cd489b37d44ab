import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import { csrOf, type HttpHarness, openHttp } from '../testing/http.ts'
import { closed, headOf } from '../testing/http2.ts'
import { connectRaw } from '../testing/raw.ts'

let server: HttpHarness
let token: string

before(async () => {
  server = await openHttp({
    limits: {
      // Most tests wait for one of these to pass, and many ask for something within it first.
      header_timeout_ms: 500,
      body_timeout_ms: 500,
      idle_timeout_ms: 500,
      http2_streams: 10,
      http2_resets_per_sec: 20,
      header_bytes: 4096,
    },
  })
  token = await server.apiKey('admin')
})
after(() => server.close())

const healthy = async () => assert.equal((await server.call('GET /healthz')).status, 200)

function open(options: object = {}): ClientHttp2Session {
  const session = connect('https://localhost', { ca: server.rootPem, port: server.port, host: '127.0.0.1', ...options })
  session.on('error', () => {})
  return session
}

interface Reply {
  readonly headers: IncomingHttpHeaders
  // biome-ignore lint/suspicious/noExplicitAny: tests look into replies of every form
  readonly body: any
}

async function ask(session: ClientHttp2Session, headers: object, body?: string): Promise<Reply> {
  const stream = session.request(headers as IncomingHttpHeaders, { endStream: body === undefined })
  const over = Promise.race([closed(stream), new Promise(resolve => stream.once('end', resolve))])
  let text = ''
  stream.on('data', chunk => {
    text += chunk
  })
  if (body !== undefined) stream.end(body)
  const reply = await headOf(stream)
  await over
  return { headers: reply, body: text.startsWith('{') ? JSON.parse(text) : text }
}

const post = (path: string, more: object = {}) => ({
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/json',
  authorization: `Bearer ${token}`,
  ...more,
})

describe('what HTTP/2 is for', () => {
  test('many calls at once on one connection, a certificate among them', async () => {
    await server.agent({ tenant: 'acme', agent: 'a1' })
    const held = await server.certificate({ tenant: 'acme', agent: 'a1' })
    const session = open({ key: held.key, cert: held.cert })
    const csr = await csrOf(generateKeyNow('P-256'))
    const replies = await Promise.all([
      ask(session, { ':path': '/v1/whoami' }),
      ask(session, { ':path': '/healthz' }),
      ask(session, { ':path': '/nope' }),
      ask(session, post('/v1/agent/auth/cert', { authorization: [] }), JSON.stringify({ csr })),
      ask(session, { ':method': 'HEAD', ':path': '/v1/root.pem' }),
      ask(session, { ':method': 'PUT', ':path': '/healthz' }),
    ])
    session.destroy()
    assert.deepEqual(
      replies.map(({ headers }) => headers[':status']),
      [200, 200, 404, 201, 200, 405],
    )
    assert.equal(replies[0]?.body.spiffe_id, 'spiffe://example.test/tenant/acme/agent/a1')
    assert.equal(replies[3]?.body.reputation_tier, 'silver')
  })

  test('a body in many pieces', async () => {
    const session = open()
    const stream = session.request(post('/v1/tenants'))
    for (const piece of ['{"ten', 'ant":', '"pieces"', '}']) stream.write(piece)
    stream.end()
    const headers = await headOf(stream)
    session.destroy()
    assert.equal(headers[':status'], 201)
  })
})

describe('calls that are refused', () => {
  const REFUSED: readonly [why: string, headers: () => object, body: string | undefined, code: string][] = [
    ['no credential, and a body', () => post('/v1/tenants', { authorization: [] }), '{}', 'unauthenticated'],
    ['another media type', () => post('/v1/tenants', { 'content-type': 'text/plain' }), '{}', 'media_type_unsupported'],
    ['a body beyond the limit', () => post('/v1/tenants'), 'x'.repeat(70_000), 'body_too_large'],
    [
      'a length beyond the limit',
      () => post('/v1/tenants', { 'content-length': '70000' }),
      'x'.repeat(70_000),
      'body_too_large',
    ],
    ['a body with GET', () => ({ ':path': '/healthz', ':method': 'GET' }), '{}', 'body_invalid'],
  ]
  for (const [why, headers, body, code] of REFUSED) {
    test(why, async () => {
      const session = open()
      const reply = await ask(session, headers(), body)
      session.destroy()
      assert.equal(reply.body.code, code)
    })
  }

  test('an endless body of a stranger: answered, then stopped', async () => {
    const session = open()
    const stream = session.request(post('/v1/tenants', { authorization: [] }))
    const over = closed(stream)
    stream.resume()
    const headers = await headOf(stream)
    assert.equal(headers[':status'], 401)
    const flood = () => {
      while (!stream.destroyed && stream.write('x'.repeat(16_384)));
    }
    stream.on('drain', flood)
    flood()
    await over
    session.destroy()
  })

  test('a body that does not come', async () => {
    const session = open()
    const stream = session.request(post('/v1/tenants'))
    stream.write('{')
    const headers = await headOf(stream)
    session.destroy()
    assert.equal(headers[':status'], 408)
  })
})

describe('connections that cost more than they ask', () => {
  test('streams opened and reset at once (CVE-2023-44487)', async () => {
    const session = open()
    const over = closed(session)
    await once(session, 'connect')
    const reset = () => {
      for (let i = 0; i < 10 && !session.destroyed && !session.closed; i++) {
        const stream = session.request({ ':path': '/healthz' })
        stream.on('error', () => {})
        stream.close(constants.NGHTTP2_CANCEL)
      }
      if (!session.destroyed) setImmediate(reset)
    }
    reset()
    await over
    await healthy()
  })

  test('more streams than agreed on wait or are refused, and do not pile up here', async () => {
    const session = open()
    await once(session, 'remoteSettings')
    assert.equal(session.remoteSettings.maxConcurrentStreams, 10)
    session.destroy()
  })

  test('no stream at all', async () => {
    await closed(open())
    await healthy()
  })

  test('no further stream', async () => {
    const session = open()
    const over = closed(session)
    await ask(session, { ':path': '/healthz' })
    await over
  })

  test('replies that are never read', async () => {
    const session = open({ settings: { initialWindowSize: 0 } })
    for (let i = 0; i < 10; i++) session.request({ ':path': '/openapi.json' }).on('error', () => {})
    await closed(session)
    await healthy()
  })
})

const MAGIC = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const hello = Buffer.concat([Buffer.from(MAGIC), frame(TYPE.settings, 0, 0)])
// :method GET, :scheme https, :path /healthz and :authority x as literals (RFC 7541, 6). Without an authority nghttp2 would
// refuse the request for that, and no row below would show what it is about.
const block = Buffer.concat([Buffer.from([0x82, 0x87, 0x04, 8]), Buffer.from('/healthz'), Buffer.from([1, 1, 0x78])])
const repeat = (bytes: Buffer, times: number) => Buffer.concat(Array<Buffer>(times).fill(bytes))
const END_STREAM = 1
const END_HEADERS = 4

// Sent after the hello; whatever becomes of the connection, it must end, and no other may notice.
const BYTES: readonly [why: string, bytes: () => Buffer][] = [
  ['random bytes instead of frames', () => randomBytes(4096)],
  [
    'a frame longer than agreed on',
    () => Buffer.concat([Buffer.from('ffffff', 'hex'), Buffer.from([0, 0, 0, 0, 0, 1])]),
  ],
  ['headers on stream 0', () => frame(TYPE.headers, END_HEADERS, 0, block)],
  ['headers on an even stream', () => frame(TYPE.headers, END_HEADERS, 2, block)],
  [
    'headers that do not decompress',
    () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, randomBytes(200).fill(0xff)),
  ],
  [
    'headers with an index out of the table',
    () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, Buffer.from([0xff, 0xff, 0xff, 0x7f])),
  ],
  ['headers that are cut off', () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, block.subarray(0, 6))],
  ['headers padded beyond their length', () => frame(TYPE.headers, END_HEADERS | 8, 1, Buffer.from([0xff, 0x82]))],
  [
    'a table size that nobody agreed on',
    () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, Buffer.concat([Buffer.from('3fffff7f', 'hex'), block])),
  ],
  ['data on a stream that was never opened', () => frame(TYPE.data, 0, 1, Buffer.from('x'))],
  ['a reset of a stream that was never opened', () => frame(TYPE.reset, 0, 1, Buffer.alloc(4))],
  ['a continuation of nothing', () => frame(TYPE.continuation, END_HEADERS, 1, block)],
  [
    'something else in the middle of headers',
    () => Buffer.concat([frame(TYPE.headers, 0, 1, block), frame(TYPE.ping, 0, 0, Buffer.alloc(8))]),
  ],
  [
    'endless continuations (CVE-2024-27983)',
    () =>
      Buffer.concat([
        frame(TYPE.headers, 0, 1, block),
        repeat(frame(TYPE.continuation, 0, 1, Buffer.from([0, 1, 0x61, 1, 0x62])), 20_000),
      ]),
  ],
  ['a promise from a client', () => frame(TYPE.push, END_HEADERS, 1, Buffer.alloc(8))],
  ['settings of a length that is none', () => frame(TYPE.settings, 0, 0, Buffer.alloc(5))],
  ['settings with a window too large', () => frame(TYPE.settings, 0, 0, Buffer.from('0004ffffffff', 'hex'))],
  ['a ping of a length that is none', () => frame(TYPE.ping, 0, 0, Buffer.alloc(7))],
  ['a window that grows by nothing', () => frame(TYPE.window, 0, 0, Buffer.alloc(4))],
  ['a window that overflows', () => repeat(frame(TYPE.window, 0, 0, Buffer.from('7fffffff', 'hex')), 2)],
  ['a stream that depends on itself', () => frame(TYPE.priority, 0, 1, Buffer.from('0000000110', 'hex'))],
  [
    'a header name in capitals',
    () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, Buffer.concat([block, Buffer.from([0, 1, 0x41, 1, 0x62])])),
  ],
  [
    'a line feed in a header',
    () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, Buffer.concat([block, Buffer.from([0, 1, 0x61, 1, 0x0a])])),
  ],
  ['no path', () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, Buffer.from([0x82, 0x87]))],
  ['two paths', () => frame(TYPE.headers, END_HEADERS | END_STREAM, 1, Buffer.concat([block, block]))],
  [
    'a header that belongs to connections',
    () =>
      frame(
        TYPE.headers,
        END_HEADERS | END_STREAM,
        1,
        Buffer.concat([block, Buffer.from([0, 10]), Buffer.from('connection'), Buffer.from([1, 0x61])]),
      ),
  ],
  [
    'more headers than fit',
    () =>
      frame(
        TYPE.headers,
        END_HEADERS | END_STREAM,
        1,
        Buffer.concat([block, repeat(Buffer.from([0, 1, 0x61, 1, 0x62]), 2000)]),
      ),
  ],
  ['many pings', () => repeat(frame(TYPE.ping, 0, 0, Buffer.alloc(8)), 20_000)],
  ['many settings', () => repeat(frame(TYPE.settings, 0, 0), 20_000)],
  ['many priorities', () => repeat(frame(TYPE.priority, 0, 3, Buffer.from('0000000010', 'hex')), 20_000)],
  [
    'many empty data frames',
    () => Buffer.concat([frame(TYPE.headers, END_HEADERS, 1, block), repeat(frame(TYPE.data, 0, 1), 20_000)]),
  ],
  [
    'many resets',
    () =>
      Buffer.concat(
        Array.from({ length: 2000 }, (_, i) =>
          Buffer.concat([
            frame(TYPE.headers, END_HEADERS | END_STREAM, 2 * i + 1, block),
            frame(TYPE.reset, 0, 2 * i + 1, Buffer.alloc(4)),
          ]),
        ),
      ),
  ],
  [
    'requests that make us reset (CVE-2025-8671)',
    () =>
      Buffer.concat(
        Array.from({ length: 2000 }, (_, i) =>
          Buffer.concat([
            frame(TYPE.headers, END_HEADERS | END_STREAM, 2 * i + 1, block),
            frame(TYPE.window, 0, 2 * i + 1, Buffer.alloc(4)),
          ]),
        ),
      ),
  ],
  ['a goodbye, and silence', () => frame(TYPE.goaway, 0, 0, Buffer.alloc(8))],
  ['silence', () => Buffer.alloc(0)],
]

describe('frames', () => {
  for (const [why, bytes] of BYTES) {
    test(why, async () => {
      const connection = await connectRaw(server.port, server.rootPem, { ALPNProtocols: ['h2'] })
      connection.write(Buffer.concat([hello, bytes()]))
      await connection.closed()
      await healthy()
    })
  }

  test('a name of another protocol after HTTP/2 was agreed on', async () => {
    const connection = await connectRaw(server.port, server.rootPem, { ALPNProtocols: ['h2'] })
    connection.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    await connection.closed()
    await healthy()
  })

  test('a byte at a time, for ever', async () => {
    const connection = await connectRaw(server.port, server.rootPem, { ALPNProtocols: ['h2'] })
    connection.write(hello)
    const drip = setInterval(() => connection.write(Buffer.alloc(1)), 20)
    await connection.closed()
    clearInterval(drip)
  })
})

test('nothing of this was an error of ours', () => {
  assert.deepEqual(server.logged, [])
})
