import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createPlainServer, IncomingMessage } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2, createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import { connect, Socket } from 'node:net'
import { test } from 'node:test'
import { TestCa } from '../testing/ca.ts'
import { identityWith } from '../testing/files.ts'
import { ALICE, answerOn, BOB, bobServes, ca, EVE, rawClient, whoCalls } from '../testing/pair.ts'
import { TestTime } from '../testing/test-time.ts'
import { agentId, dangerouslyAny, oneOf, tenant } from './authorizer.ts'
import { caller } from './caller.ts'

const GET = 'GET / HTTP/1.1\r\nhost: bob\r\n\r\n'

test('without a certificate: a TLS alert', async t => {
  const { port, seen } = await bobServes(t, { allow: dangerouslyAny() })
  const socket = rawClient(port, null)
  socket.write(GET)
  // Under TLS 1.3 the client is told only after its own part is done.
  assert.equal(await answerOn(socket), 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  assert.deepEqual([seen.requests, seen.connections], [0, 0])
  assert.match(`${seen.refused[0]?.error}`, /PEER_DID_NOT_RETURN_A_CERTIFICATE/)
})

test('an untrusted chain: closed before any handler hears of it', async t => {
  const strangers = [new TestCa().svid(ALICE), new TestCa('other.org').svid('spiffe://other.org/a')]
  for (const svid of strangers) {
    const { port, seen } = await bobServes(t, { allow: dangerouslyAny() })
    const socket = rawClient(port, svid)
    socket.write(GET)
    assert.doesNotMatch(await answerOn(socket), /HTTP/)
    assert.deepEqual([seen.requests, seen.connections], [0, 0])
    assert.deepEqual(
      seen.refused.map(({ error }) => error.code),
      ['peer_untrusted'],
    )
  }
})

// What OpenSSL would let pass, or passes under the clock of a test: our own validation says no, and the server tells
// why.
const now = Math.floor(Date.now() / 1000)
const UNFIT = [
  [
    'a certificate that has ended',
    ca.svid(ALICE, { notBefore: now - 600, notAfter: now - 60 }),
    'peer_certificate_ended',
  ],
  ['a certificate that has not begun', ca.svid(ALICE, { notBefore: now + 60, notAfter: now + 600 }), 'peer_untrusted'],
  [
    'our root speaking for another trust domain',
    ca.svid('spiffe://other.org/tenant/acme/agent/alice'),
    'peer_untrusted',
  ],
] as const
for (const [name, svid, code] of UNFIT)
  test(`${name}: closed, and the server tells`, async t => {
    const { port, seen } = await bobServes(t, { allow: dangerouslyAny(), time: new TestTime() })
    const socket = rawClient(port, svid)
    socket.write(GET)
    assert.doesNotMatch(await answerOn(socket), /HTTP/)
    assert.deepEqual(
      seen.refused.map(({ error }) => error.code),
      [code],
    )
    assert.equal(seen.requests, 0)
  })

test('a certificate that has ended is told of in the same way where Node says so', async t => {
  const { port, seen } = await bobServes(t, { allow: dangerouslyAny() })
  const socket = rawClient(port, ca.svid(ALICE, { notBefore: now - 600, notAfter: now - 60 }))
  socket.write(GET)
  assert.doesNotMatch(await answerOn(socket), /HTTP/)
  assert.deepEqual(
    seen.refused.map(({ error }) => error.code),
    ['peer_certificate_ended'],
  )
})

test('a peer that breaks off its handshake is not called untrusted', async t => {
  const { port, server, seen } = await bobServes(t, { allow: dangerouslyAny() })
  const failed = once(server, 'tlsClientError')
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  // The head of a hello, and no more.
  socket.end(Uint8Array.of(0x16, 3, 1, 2, 0, 1))
  await failed
  assert.deepEqual(
    seen.refused.map(({ error }) => error.code),
    ['peer_closed'],
  )
})

test('our root speaking for another trust domain is refused where OpenSSL would let it pass', async t => {
  const { port, seen } = await bobServes(t, { allow: dangerouslyAny() })
  const socket = rawClient(port, ca.svid('spiffe://other.org/tenant/acme/agent/alice'))
  socket.write(GET)
  assert.doesNotMatch(await answerOn(socket), /HTTP/)
  assert.deepEqual([seen.requests, seen.connections], [0, 0])
})

test('ten seconds after its end a certificate still passes, for the sake of the clocks', async t => {
  const time = new TestTime()
  const { port } = await bobServes(t, { time })
  const end = Math.floor(time.now() / 1000) - 5
  const socket = rawClient(port, ca.svid(ALICE, { notBefore: end - 60, notAfter: end }))
  socket.write(GET.replace('host', 'connection: close\r\nhost'))
  assert.match(await answerOn(socket), /200 OK/)
})

test('TLS 1.2 is refused', async t => {
  const { port } = await bobServes(t)
  assert.equal(
    await answerOn(rawClient(port, ca.svid(ALICE), { maxVersion: 'TLSv1.2' })),
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  )
})

test('a session is never resumed', async t => {
  const { port } = await bobServes(t)
  const alice = ca.svid(ALICE)
  const first = rawClient(port, alice)
  const sessions: Buffer[] = []
  first.on('session', session => sessions.push(session))
  first.write(GET)
  await once(first, 'data')
  first.destroy()
  for (const session of sessions) {
    const again = rawClient(port, alice, { session })
    again.write(GET)
    await once(again, 'data')
    assert.equal(again.isSessionReused(), false)
    again.destroy()
  }
})

test('a session that is resumed all the same is refused: nobody would have asked about its certificate', async t => {
  const { port, server, identity, seen } = await bobServes(t)
  const { secureOptions: _, ...withTickets } = identity.serverOptions()
  server.setSecureContext(withTickets)
  const alice = ca.svid(ALICE)
  const first = rawClient(port, alice)
  first.write(GET)
  const [session] = await once(first, 'session')
  first.destroy()
  const again = rawClient(port, alice, { session })
  again.write(GET)
  assert.doesNotMatch(await answerOn(again), /HTTP/)
  assert.deepEqual(
    seen.refused.map(({ error }) => error.code),
    ['session_resumed'],
  )
})

test('trusted but not allowed: 403, the connection ends, nothing behind it is looked at', async t => {
  const { port, seen } = await bobServes(t)
  const socket = rawClient(port, ca.svid(EVE))
  socket.write(GET + GET)
  const answer = await answerOn(socket)
  assert.match(answer, /^HTTP\/1\.1 403 Forbidden\r\n/)
  assert.match(answer, /connection: close\r\n/i)
  assert.match(answer, /content-type: application\/problem\+json\r\n/i)
  const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
  assert.equal(problem.code, 'peer_not_allowed')
  assert.equal(problem.status, 403)
  assert.match(problem.detail, /spiffe:\/\/example\.org\/tenant\/globex\/agent\/eve/)
  assert.ok(problem.remedy && problem.title && problem.type)
  assert.doesNotMatch(answer, /acme/, 'it does not say who is allowed')
  assert.equal(answer.split('HTTP/1.1').length, 2)
  assert.equal(seen.requests, 0)
  assert.equal(seen.refused[0]?.error.code, 'peer_not_allowed')
})

test('who may not come in is not told to go on sending', async t => {
  const { port, server, seen } = await bobServes(t)
  const ask = (who: string) => {
    const socket = rawClient(port, ca.svid(who))
    socket.write(
      'POST / HTTP/1.1\r\nhost: bob\r\nconnection: close\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n',
    )
    socket.once('data', () => socket.write('hello'))
    return answerOn(socket)
  }
  assert.match(await ask(EVE), /^HTTP\/1\.1 403/)
  assert.equal(seen.requests, 0)
  assert.match(await ask(ALICE), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/)
  // A handler of one's own decides alone once the door has let the request in.
  server.on('checkContinue', (_request, response) => response.writeHead(417).end())
  assert.match(await ask(EVE), /^HTTP\/1\.1 403/)
  assert.match(await ask(ALICE), /^HTTP\/1\.1 417/)
})

test('a body that comes all the same stays on the wire', async t => {
  const { port, server, seen } = await bobServes(t)
  const socket = rawClient(port, ca.svid(EVE))
  const [accepted] = (await once(server, 'secureConnection')) as [import('node:tls').TLSSocket]
  socket.write('POST / HTTP/1.1\r\nhost: bob\r\ncontent-length: 100000000\r\n\r\n')
  const chunk = Buffer.alloc(65_536)
  const pump = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', pump)
  pump()
  assert.match(await answerOn(socket), /403|ECONNRESET|EPIPE/)
  assert.ok(accepted.bytesRead < 1_000_000, `${accepted.bytesRead} bytes`)
  assert.equal(seen.requests, 0)
})

test('a certificate that ends while the connection lasts: the next request is refused, not the open one', async t => {
  const time = new TestTime()
  const { port, seen } = await bobServes(t, {
    time,
    handler: (request, response) => {
      if (request.url === '/stream') response.write('begun')
      else response.end('done')
    },
  })
  const end = Math.floor(time.now() / 1000) + 60
  const alice = ca.svid(ALICE, { notAfter: end })
  const [stream, socket] = [rawClient(port, alice), rawClient(port, alice)]
  stream.write(GET.replace('/', '/stream'))
  await once(stream, 'data')
  socket.write(GET)
  await once(socket, 'data')
  time.jump((end + 10) * 1000 - time.now())
  socket.write(GET)
  await once(socket, 'data')
  assert.equal(seen.requests, 3, 'ten seconds are let pass for the sake of the clocks')
  time.jump(1)
  socket.write(GET)
  const answer = await answerOn(socket)
  assert.match(answer, /^HTTP\/1\.1 401/)
  const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
  assert.equal(problem.code, 'certificate_expired')
  assert.ok(problem.server_time)
  assert.equal(seen.requests, 3)
  assert.equal(stream.readable, true)
  stream.destroy()
})

test('an upgrade is judged like any request', async t => {
  const { port, server } = await bobServes(t)
  server.on('upgrade', (request, socket) => {
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n${caller(request).id}`)
  })
  const ask = (who: string) => {
    const socket = rawClient(port, ca.svid(who))
    socket.write('GET / HTTP/1.1\r\nhost: bob\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
    return answerOn(socket)
  }
  const refused = await ask(EVE)
  assert.match(refused, /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*peer_not_allowed/)
  assert.match(await ask(ALICE), /^HTTP\/1\.1 101[\s\S]*alice$/)
})

async function http2(t: import('node:test').TestContext, who: string, port: number): Promise<ClientHttp2Session> {
  const svid = ca.svid(who)
  const session = connectHttp2(`https://localhost:${port}`, {
    ca: ca.bundle,
    cert: svid.certificate + svid.chain,
    key: svid.privateKeyPem(),
    checkServerIdentity: () => undefined,
  })
  session.on('error', () => {})
  t.after(() => session.destroy())
  return session
}

async function ask(session: ClientHttp2Session, headers: Record<string, string> = {}, body?: Buffer) {
  const stream = session.request({ ':path': '/', ...headers }, { endStream: body === undefined })
  stream.on('error', () => {})
  if (body) stream.write(body)
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
  let text = ''
  for await (const chunk of stream) text += chunk
  return { status: answer[':status'], type: answer['content-type'], text }
}

test('HTTP/2: the same door, for requests and for bare streams', async t => {
  const { identity } = await identityWith(t, ca.svid(BOB))
  const serving = await identity.serve({ allow: tenant('acme'), http2: true }, whoCalls)
  t.after(() => serving.close())
  let streams = 0
  serving.server.on('stream', () => streams++)
  const alice = await http2(t, ALICE, serving.port)
  const answers = await Promise.all([ask(alice), ask(alice)])
  assert.deepEqual(
    answers.map(({ status, text }) => [status, text]),
    [
      [200, ALICE],
      [200, ALICE],
    ],
  )
  const eve = await http2(t, EVE, serving.port)
  const closed = once(eve, 'close')
  const refused = await ask(eve, { ':method': 'POST' }, Buffer.alloc(1000))
  assert.equal(refused.status, 403)
  assert.equal(refused.type, 'application/problem+json')
  assert.equal(JSON.parse(refused.text).code, 'peer_not_allowed')
  await closed
  assert.equal(streams, 2)
  // HTTP/1.1 on the same server.
  const { identity: carol } = await identityWith(t, ca.svid(ca.id('acme', 'carol')))
  const response = await carol.fetch(serving.url, { peer: agentId(BOB) })
  assert.equal(await response.text(), ca.id('acme', 'carol'))
  alice.close()
})

test('HTTP/2: a certificate that ended is refused at the next stream', async t => {
  const time = new TestTime()
  const { identity } = await identityWith(t, ca.svid(BOB), time)
  const serving = await identity.serve({ allow: tenant('acme'), http2: true }, whoCalls)
  t.after(() => serving.close())
  const alice = await http2(t, ALICE, serving.port)
  assert.equal((await ask(alice)).status, 200)
  time.jump(400_000)
  const refused = await ask(alice, { expect: '100-continue', ':method': 'POST' }, Buffer.alloc(10))
  assert.equal(refused.status, 401)
  assert.equal(JSON.parse(refused.text).code, 'certificate_expired')
})

test('a request on a connection that the door never saw is cut', async t => {
  const { server, seen } = await bobServes(t, { allow: dangerouslyAny() })
  const socket = new Socket()
  server.emit('request', new IncomingMessage(socket), {})
  assert.equal(socket.destroyed, true)
  server.on('upgrade', () => assert.fail('nobody was judged'))
  const upgraded = new Socket()
  server.emit('upgrade', new IncomingMessage(upgraded), upgraded, Buffer.alloc(0))
  assert.equal(upgraded.destroyed, true)
  assert.equal(seen.requests, 0)
})

test('servers made elsewhere: protected before they listen, or not at all', async t => {
  const { identity } = await identityWith(t, ca.svid(BOB))
  const allow = tenant('acme')
  assert.throws(() => identity.protect(createPlainServer() as never, { allow }), { name: 'TypeError' })
  const listening = createServer(identity.serverOptions())
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve))
  t.after(() => listening.close())
  assert.throws(() => identity.protect(listening, { allow }), { name: 'TypeError' })
  const twice = identity.protect(createServer(identity.serverOptions()), { allow })
  assert.throws(() => identity.protect(twice, { allow: dangerouslyAny() }), { name: 'TypeError' })
})

test('a server that was made without asking for certificates lets nobody in', async t => {
  const { identity } = await identityWith(t, ca.svid(BOB))
  const { key, cert } = identity.serverOptions()
  for (const server of [createServer({ key, cert }, whoCalls), createSecureServer({ key, cert, allowHTTP1: true })]) {
    let requests = 0
    server.on('request', () => requests++)
    identity.protect(server, { allow: dangerouslyAny() })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const socket = rawClient((server.address() as { port: number }).port, null)
    socket.write(GET)
    assert.doesNotMatch(await answerOn(socket), /HTTP/)
    assert.equal(requests, 0)
  }
})

test('a handler that throws answers 500, says nothing of the reason, and the server lives', async t => {
  const errors: unknown[] = []
  const { port } = await bobServes(t, {
    onError: error => errors.push(error),
    handler: async request => {
      if (request.url === '/sync') throw new Error('password hunter2')
      await Promise.reject(new Error('password hunter2'))
    },
  })
  for (const path of ['/sync', '/async']) {
    const socket = rawClient(port, ca.svid(ALICE))
    socket.write(`GET ${path} HTTP/1.1\r\nhost: bob\r\nconnection: close\r\n\r\n`)
    const answer = await answerOn(socket)
    assert.match(answer, /^HTTP\/1\.1 500[\s\S]*internal_error/)
    assert.doesNotMatch(answer, /hunter2/)
  }
  assert.equal(errors.length, 2)
})

test('whom to allow must be said', async t => {
  const { identity } = await identityWith(t, ca.svid(BOB))
  // @ts-expect-error: allow is required
  await assert.rejects(identity.serve({}, whoCalls), { name: 'TypeError' })
  // @ts-expect-error: allow is required
  assert.throws(() => identity.createServer({}, whoCalls), { name: 'TypeError' })
  // @ts-expect-error: a boolean is no authorizer
  assert.throws(() => identity.protect(createServer(), { allow: true }), { name: 'TypeError' })
})

test('an authorizer is told what is asked for, at each request of a connection', async t => {
  const asked: unknown[] = []
  const allow = oneOf((peer, _own, route) => {
    asked.push(route)
    if (route?.url === '/secret') throw new Error('not for you')
    return peer
  })
  const { port } = await bobServes(t, { allow })
  const socket = rawClient(port, ca.svid(ALICE))
  socket.write(`GET /a?b HTTP/1.1\r\nhost: bob\r\n\r\n`)
  await once(socket, 'data')
  socket.write(`POST /secret HTTP/1.1\r\nhost: bob\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
  assert.match(await answerOn(socket), /^HTTP\/1\.1 403[\s\S]*peer_not_allowed/)
  assert.deepEqual(asked, [
    { method: 'GET', url: '/a?b' },
    { method: 'POST', url: '/secret' },
  ])
})
