import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { connectRaw, isWhole, lastReply } from '../testing/raw.ts'

let server: HttpHarness
let token: string

before(async () => {
  server = await openHttp({ limits: { body_bytes: 2048, header_bytes: 4096, rate_per_minute: 0 } })
  token = await server.apiKey('admin')
})
after(() => server.close())

const big = 'x'.repeat(5000)
const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

// Bodies of POST /v1/tenants that a reader might take for something else than they are.
const BODIES: readonly [why: string, body: string | Buffer, code: string][] = [
  ['nothing', '', 'body_invalid'],
  ['no JSON', 'tenant=acme', 'body_invalid'],
  ['cut off', '{"tenant":"acme"', 'body_invalid'],
  ['followed by more', '{"tenant":"acme"}{}', 'body_invalid'],
  ['a comment', '{"tenant":"acme"/* */}', 'body_invalid'],
  ['single quotes', "{'tenant':'acme'}", 'body_invalid'],
  ['an array', '["acme"]', 'body_invalid'],
  ['a string', '"acme"', 'body_invalid'],
  ['null', 'null', 'body_invalid'],
  ['too deep', deep(17), 'body_invalid'],
  ['as deep as the limit on bytes lets it', '['.repeat(2048), 'body_invalid'],
  ['a name twice: two readers, two tenants', '{"tenant":"acme","tenant":"globex"}', 'body_invalid'],
  ['a name twice, once escaped', '{"tenant":"acme","t\\u0065nant":"globex"}', 'body_invalid'],
  ['a prototype', '{"tenant":"acme","__proto__":{"key_policy":"modern"}}', 'body_invalid'],
  ['a constructor', '{"tenant":"acme","constructor":{"prototype":{}}}', 'body_invalid'],
  ['a byte order mark', '\ufeff{"tenant":"acme"}', 'body_invalid'],
  ['no UTF-8', Buffer.from('{"tenant":"\xff"}', 'latin1'), 'body_invalid'],
  ['UTF-16', Buffer.from('{"tenant":"acme"}', 'utf16le'), 'body_invalid'],
  ['half a surrogate pair', '{"tenant":"\\ud800"}', 'body_invalid'],
  ['an endless number', '{"tenant":"acme","renewal_grace_sec":1e999}', 'body_invalid'],
  ['a number beyond the declared', '{"tenant":"acme","renewal_grace_sec":86401}', 'body_invalid'],
  ['no whole number', '{"tenant":"acme","renewal_grace_sec":1.5}', 'body_invalid'],
  ['a number as text', '{"tenant":"acme","renewal_grace_sec":"60"}', 'body_invalid'],
  ['a name with a slash', '{"tenant":"acme/agent"}', 'name_invalid'],
  ['a name with a template', '{"tenant":"{{agent}}"}', 'name_invalid'],
  ['a name with a NUL', '{"tenant":"acme\\u0000"}', 'name_invalid'],
  ['an empty name', '{"tenant":""}', 'name_invalid'],
  ['a name in capitals', '{"tenant":"ACME"}', 'name_invalid'],
  ['more bytes than the limit', `{"tenant":"acme","x":"${'y'.repeat(2048)}"}`, 'body_too_large'],
]

describe('bodies', () => {
  for (const [why, raw, code] of BODIES) {
    test(why, async () => {
      const answer = await server.call('POST /v1/tenants', { token, raw })
      assert.equal(answer.body.code, code)
      assert.equal(answer.headers['content-type'], 'application/problem+json')
    })
  }
})

describe('media types', () => {
  const raw = '{"tenant":"m1"}'
  const refused: Record<string, string>[] = [
    { 'content-type': '' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/jsonp' },
    { 'content-type': 'application/json; charset=latin1' },
    { 'content-type': 'application/json, text/html' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  ]
  for (const headers of refused) {
    test(`refused: ${JSON.stringify(headers)}`, async () => {
      const { status, body } = await server.call('POST /v1/tenants', { token, raw, headers })
      assert.deepEqual([status, body.code], [415, 'media_type_unsupported'])
    })
  }
  const taken = [
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset="UTF-8"',
  ]
  for (const [i, type] of taken.entries()) {
    test(`taken: ${type}`, async () => {
      const body = `{"tenant":"m-${i}"}`
      assert.equal(
        (await server.call('POST /v1/tenants', { token, raw: body, headers: { 'content-type': type } })).status,
        201,
      )
    })
  }
})

/** The head of a request with the admin's key; `Host` and the end of the head are added. */
const head = (line: string, ...headers: string[]) => `${[line, 'Host: x', ...headers].join('\r\n')}\r\n\r\n`
const authorized = (line: string, ...headers: string[]) => head(line, `Authorization: Bearer ${token}`, ...headers)

// Bytes that parsers in a row have read differently, and what one reply to them says.
const REQUESTS: readonly [why: string, bytes: () => string, status: number, code: string | undefined][] = [
  [
    'two lengths',
    () => head('POST /v1/tenants HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2'),
    400,
    'request_invalid',
  ],
  [
    'a length and chunks',
    () => head('POST /v1/tenants HTTP/1.1', 'Content-Length: 4', 'Transfer-Encoding: chunked'),
    400,
    'request_invalid',
  ],
  [
    'chunked, but not last',
    () => head('POST /v1/tenants HTTP/1.1', 'Transfer-Encoding: chunked, gzip'),
    400,
    'request_invalid',
  ],
  ['a negative length', () => head('POST /v1/tenants HTTP/1.1', 'Content-Length: -1'), 400, 'request_invalid'],
  ['a length in hex', () => head('POST /v1/tenants HTTP/1.1', 'Content-Length: 0x10'), 400, 'request_invalid'],
  ['a length with a sign', () => head('POST /v1/tenants HTTP/1.1', 'Content-Length: +5'), 400, 'request_invalid'],
  ['a space before the colon', () => head('GET /healthz HTTP/1.1', 'X : y'), 400, 'request_invalid'],
  ['a folded header', () => head('GET /healthz HTTP/1.1', 'X: y', ' z'), 400, 'request_invalid'],
  [
    'a bare line feed in a header',
    () => head('GET /healthz HTTP/1.1', 'X: y\nAuthorization: z'),
    400,
    'request_invalid',
  ],
  ['a NUL in a header', () => head('GET /healthz HTTP/1.1', 'X: a\0b'), 400, 'request_invalid'],
  ['a NUL in the path', () => head('GET /health\0z HTTP/1.1'), 400, 'request_invalid'],
  ['no HTTP', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 400, 'request_invalid'],
  ['HTTP/2 without having agreed on it', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'request_invalid'],
  ['HTTP/3.0', () => head('GET /healthz HTTP/3.0'), 400, 'request_invalid'],
  ['an unknown method', () => head('FROB /healthz HTTP/1.1'), 400, 'request_invalid'],
  ['headers beyond the limit', () => head('GET /healthz HTTP/1.1', `X: ${big}`), 431, 'headers_too_large'],
  ['a path beyond the limit', () => head(`GET /${big} HTTP/1.1`), 431, 'headers_too_large'],
  ['many headers', () => head('GET /healthz HTTP/1.1', ...Array(1000).fill('A: b')), 431, 'headers_too_large'],
  ['no Host', () => 'GET /healthz HTTP/1.1\r\n\r\n', 400, undefined],
  [
    'two credentials in two headers',
    () => authorized('GET /v1/whoami HTTP/1.1', 'Authorization: Bearer lanyard_x'),
    400,
    'request_invalid',
  ],
  [
    'two media types',
    () =>
      authorized(
        'POST /v1/tenants HTTP/1.1',
        'Content-Type: application/json',
        'content-type: text/plain',
        'Content-Length: 0',
      ),
    400,
    'request_invalid',
  ],
  [
    'two credentials in one header',
    () => head('GET /v1/whoami HTTP/1.1', 'Authorization: Bearer a, Bearer b'),
    401,
    'unauthenticated',
  ],
  ['another scheme', () => head('GET /v1/whoami HTTP/1.1', 'Authorization: Basic YTpi'), 401, 'unauthenticated'],
  ['a scheme alone', () => head('GET /v1/whoami HTTP/1.1', 'Authorization: Bearer'), 401, 'unauthenticated'],
  [
    'a tab in the credential',
    () => head('GET /v1/whoami HTTP/1.1', 'Authorization: Bearer\ta'),
    401,
    'unauthenticated',
  ],
  ['the absolute form', () => authorized('GET https://x/v1/whoami HTTP/1.1'), 404, 'route_unknown'],
  ['the server itself', () => head('OPTIONS * HTTP/1.1'), 404, 'route_unknown'],
  ['dots in the path', () => authorized('GET /v1/x/../whoami HTTP/1.1'), 404, 'route_unknown'],
  ['no slash at the start', () => authorized('GET v1/whoami HTTP/1.1'), 400, 'request_invalid'],
  ['two slashes', () => authorized('GET //v1/whoami HTTP/1.1'), 404, 'route_unknown'],
  ['a slash at the end', () => authorized('GET /v1/whoami/ HTTP/1.1'), 404, 'route_unknown'],
  ['capitals', () => authorized('GET /V1/whoami HTTP/1.1'), 404, 'route_unknown'],
  ['an escaped letter', () => authorized('GET /v1/%77hoami HTTP/1.1'), 404, 'route_unknown'],
  ['an escaped slash', () => authorized('GET /v1/agents/acme%2fa1 HTTP/1.1'), 404, 'route_unknown'],
  ['an escaped NUL', () => authorized('GET /v1/tenants/acme%00 HTTP/1.1'), 400, 'name_invalid'],
  ['a fragment', () => authorized('GET /v1/whoami#x HTTP/1.1'), 404, 'route_unknown'],
  ['a parameter twice', () => authorized('GET /v1/agents?tenant=a&tenant=b HTTP/1.1'), 400, 'query_invalid'],
  [
    'a parameter twice, once escaped',
    () => authorized('GET /v1/agents?tenant=a&ten%61nt=b HTTP/1.1'),
    400,
    'query_invalid',
  ],
  ['a broken escape in a parameter', () => authorized('GET /v1/agents?tenant=%zz HTTP/1.1'), 400, 'query_invalid'],
  ['a parameter named __proto__', () => authorized('GET /v1/agents?__proto__=a HTTP/1.1'), 400, 'query_invalid'],
  ['a limit that is none', () => authorized('GET /v1/agents?limit=ten HTTP/1.1'), 400, 'query_invalid'],
  ['a limit beyond the declared', () => authorized('GET /v1/agents?limit=501 HTTP/1.1'), 400, 'query_invalid'],
  ['an empty limit', () => authorized('GET /v1/agents?limit= HTTP/1.1'), 400, 'query_invalid'],
  ['a cursor that is none', () => authorized('GET /v1/agents?cursor=AAAA HTTP/1.1'), 400, 'cursor_invalid'],
  ['a body with GET', () => `${authorized('GET /v1/whoami HTTP/1.1', 'Content-Length: 2')}{}`, 400, 'body_invalid'],
  ['another expectation', () => head('GET /healthz HTTP/1.1', 'Expect: everything'), 417, undefined],
  [
    'a wish to upgrade',
    () => head('GET /healthz HTTP/1.1', 'Upgrade: h2c', 'Connection: Upgrade', 'HTTP2-Settings: AAAA'),
    200,
    undefined,
  ],
  ['HTTP/1.0', () => 'GET /healthz HTTP/1.0\r\n\r\n', 200, undefined],
]

describe('requests', () => {
  for (const [why, bytes, status, code] of REQUESTS) {
    test(why, async () => {
      const connection = await connectRaw(server.port, server.rootPem)
      connection.write(Buffer.from(bytes(), 'latin1'))
      const reply = lastReply(await connection.until(isWhole))
      connection.socket.destroy()
      assert.deepEqual(reply, { status, code })
    })
  }
})

test('a body beyond the limit is refused as soon as its length is announced', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  connection.write(
    authorized('POST /v1/tenants HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 99999999'),
  )
  assert.deepEqual(lastReply(await connection.until(isWhole)), { status: 413, code: 'body_too_large' })
  connection.socket.destroy()
})

test('a body in chunks is refused once more has come than the limit, and the connection goes when it goes on', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  connection.write(
    authorized('POST /v1/tenants HTTP/1.1', 'Content-Type: application/json', 'Transfer-Encoding: chunked'),
  )
  const chunk = `800\r\n${'x'.repeat(2048)}\r\n`
  connection.write(chunk + chunk)
  assert.deepEqual(lastReply(await connection.until(isWhole)), { status: 413, code: 'body_too_large' })
  const flood = () => {
    while (!connection.socket.destroyed && connection.socket.write(chunk.repeat(16)));
  }
  connection.socket.on('drain', flood)
  flood()
  await connection.closed()
})

test('the body of a stranger is not waited for', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  connection.write(head('POST /v1/tenants HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 100'))
  assert.deepEqual(lastReply(await connection.until(isWhole)), { status: 401, code: 'unauthenticated' })
  connection.socket.destroy()
})

test('a stranger is not told to continue, one who is known is', async () => {
  const expecting = ['Content-Type: application/json', 'Content-Length: 15', 'Expect: 100-continue']
  const stranger = await connectRaw(server.port, server.rootPem)
  stranger.write(head('POST /v1/tenants HTTP/1.1', ...expecting))
  assert.match(await stranger.until(isWhole), /^HTTP\/1\.1 401/)
  stranger.socket.destroy()

  const known = await connectRaw(server.port, server.rootPem)
  known.write(authorized('POST /v1/tenants HTTP/1.1', ...expecting))
  await known.until(text => text.startsWith('HTTP/1.1 100'))
  known.write('{"tenant":"ec"}')
  assert.equal(lastReply(await known.until(text => text.includes('HTTP/1.1 201') && isWhole(text))).status, 201)
  known.socket.destroy()
})

test('requests in a row on one connection are answered in their order', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  connection.write(
    head('GET /healthz HTTP/1.1') +
      authorized('GET /v1/whoami HTTP/1.1') +
      head('GET /v1/root.pem HTTP/1.1') +
      head('GET /nope HTTP/1.1'),
  )
  const text = await connection.until(all => all.includes('HTTP/1.1 404') && isWhole(all))
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['200', '200', '200', '404'],
  )
  connection.socket.destroy()
})

test('rubbish behind a request is not answered in the middle of its reply', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  connection.write(`${authorized('GET /v1/whoami HTTP/1.1')}\x00\x01 rubbish\r\n\r\n`)
  const text = await connection.closed()
  assert.ok([...text.matchAll(/HTTP\/1\.1 /g)].length <= 1)
})

test('a chunk that is none ends the connection', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  connection.write(
    authorized('POST /v1/tenants HTTP/1.1', 'Content-Type: application/json', 'Transfer-Encoding: chunked'),
  )
  connection.write('zz\r\n')
  assert.equal(await connection.closed(), '')
})

test('HEAD tells of GET without its body', async () => {
  const [get, headOnly] = [await server.call('GET /healthz'), await server.call('HEAD /healthz')]
  assert.equal(headOnly.status, 200)
  assert.equal(headOnly.text, '')
  assert.equal(headOnly.headers['content-length'], get.headers['content-length'])
})

test('who shows one bad credential after another loses the connection', async () => {
  const connection = await connectRaw(server.port, server.rootPem)
  connection.write(head('GET /v1/whoami HTTP/1.1', 'Authorization: Bearer guess').repeat(30))
  const text = await connection.closed()
  assert.equal([...text.matchAll(/HTTP\/1\.1 401/g)].length, 20)
  assert.match(text, /connection: close/i)
})

test('nothing of this was an error of ours', () => {
  assert.deepEqual(server.logged, [])
})
