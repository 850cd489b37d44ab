import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type Dispatcher, request as undiciRequest, WebSocket } from 'undici'
import { WebSocketServer } from 'ws'
import { agentId, memberOf } from '../guard/authorizer.ts'
import { TestCa } from '../testing/ca.ts'
import { identityWith } from '../testing/files.ts'
import { ALICE, BOB, bobServes, ca, EVE } from '../testing/pair.ts'
import { TestTime } from '../testing/test-time.ts'

const toBob = { peer: agentId(BOB) }

test('two agents meet: each knows who the other is', async t => {
  const { url } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const response = await alice.fetch(`${url}/hello`, toBob)
  assert.equal(response.status, 200)
  assert.equal(await response.text(), ALICE)
})

test('the peer is judged before a byte is sent, on a new connection and on a pooled one', async t => {
  const { url, server, seen } = await bobServes(t)
  const sockets: TLSSocket[] = []
  server.on('secureConnection', socket => sockets.push(socket))
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  await assert.rejects(alice.fetch(url, { peer: agentId(EVE) }), { name: 'IdentityError', code: 'peer_not_allowed' })
  assert.equal(seen.requests, 0)
  await (await alice.fetch(url, toBob)).text()
  assert.equal(alice.connections, 1)
  const read = sockets.map(socket => socket.bytesRead)
  await assert.rejects(alice.fetch(url, { peer: agentId(EVE) }), { code: 'peer_not_allowed' })
  assert.deepEqual(
    sockets.slice(0, read.length).map(socket => socket.bytesRead),
    read,
  )
  assert.equal(seen.requests, 1)
  await (await alice.fetch(url, { peer: memberOf('example.org') })).text()
  assert.equal(alice.connections, 1, 'a pooled connection serves whoever accepts its peer')
})

test('an authorizer that changes its mind is asked again', async t => {
  const { url } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const allowed = new Set([BOB])
  const dispatcher = alice.dispatcher({
    peer: id => {
      if (allowed.has(`${id}`)) return id
      throw new Error('not any more')
    },
  })
  const ask = () => undiciRequest(url, { dispatcher }).then(({ body }) => body.text())
  assert.equal(await ask(), ALICE)
  allowed.clear()
  await assert.rejects(ask(), { code: 'peer_not_allowed' })
})

test('requests one after the other share a connection, those at once do not', async t => {
  const { url, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const ask = async () => (await alice.fetch(url, toBob)).text()
  for (let i = 0; i < 3; i++) await ask()
  assert.equal(seen.connections, 1)
  await Promise.all([ask(), ask(), ask()])
  assert.equal(seen.connections, 3)
})

test('not allowed by the service: 403, the body unread', async t => {
  const { url, seen } = await bobServes(t)
  const { identity: eve } = await identityWith(t, ca.svid(EVE))
  let sent = 0
  const body = new ReadableStream({
    pull(controller) {
      sent += 65_536
      controller.enqueue(new Uint8Array(65_536))
    },
  })
  const response = await eve.fetch(url, { ...toBob, method: 'POST', body, duplex: 'half' })
  assert.equal(response.status, 403)
  assert.equal(((await response.json()) as { code: string }).code, 'peer_not_allowed')
  assert.equal(seen.requests, 0)
  assert.ok(sent < 100 * 65_536, `${sent} bytes`)
})

test('a redirect does not lead to whom the authorizer refuses', async t => {
  const { identity: eve } = await identityWith(t, ca.svid(EVE))
  const trap = await eve.serve({ allow: id => id }, (_request, response) => response.end('caught'))
  t.after(() => trap.close())
  const { url } = await bobServes(t, {
    handler: (request, response) => {
      if (request.url === '/away') response.writeHead(307, { location: trap.url }).end()
      else if (request.url === '/near') response.writeHead(307, { location: '/here' }).end()
      else response.end('here')
    },
  })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  assert.equal(await (await alice.fetch(`${url}/near`, toBob)).text(), 'here')
  await assert.rejects(alice.fetch(`${url}/away`, toBob), { code: 'peer_not_allowed' })
})

test('no mutual TLS, no request', async t => {
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const closed = await bobServes(t)
  await closed.close()
  await assert.rejects(alice.fetch(closed.url.replace('https', 'http'), toBob), { code: 'url_not_https' })
  await assert.rejects(alice.fetch(closed.url, toBob), { code: 'peer_unreachable' })
  await assert.rejects(alice.fetch('nonsense', toBob), { name: 'TypeError' })
  // @ts-expect-error: peer is required
  await assert.rejects(alice.fetch('https://127.0.0.1:1/', {}), { name: 'TypeError', message: /peer/ })
  // @ts-expect-error: peer is required
  await assert.rejects(alice.fetch('https://127.0.0.1:1/'), { name: 'TypeError', message: /peer/ })
  // @ts-expect-error: peer is required
  assert.throws(() => alice.dispatcher({}), { name: 'TypeError' })
  // @ts-expect-error: peer is required
  assert.throws(() => alice.agent({}), { name: 'TypeError' })
})

test('a server that is not under the roots, or not of the own trust domain, is sent nothing', async t => {
  const strangers = [new TestCa().svid(BOB), new TestCa('other.org').svid('spiffe://other.org/b')]
  for (const svid of strangers) {
    const { identity } = await identityWith(t, svid)
    let requests = 0
    const server = createServer({ ...identity.serverOptions(), requestCert: false }, () => requests++)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const { identity: alice } = await identityWith(t, ca.svid(ALICE))
    const { port } = server.address() as { port: number }
    await assert.rejects(alice.fetch(`https://127.0.0.1:${port}/`, { peer: id => id }), { code: 'peer_untrusted' })
    assert.equal(requests, 0)
  }
})

test('a server whose certificate has ended is sent nothing: not at the handshake, not on a connection from before', async t => {
  const time = new TestTime()
  const end = Math.floor(time.now() / 1000) + 60
  const { url, seen } = await bobServes(t, { time, svid: ca.svid(BOB, { notAfter: end }) })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE), time)
  await (await alice.fetch(url, toBob)).text()
  time.jump((end + 10) * 1000 - time.now())
  await (await alice.fetch(url, toBob)).text()
  assert.deepEqual([seen.requests, seen.connections], [2, 1])
  time.jump(1001)
  await assert.rejects(alice.fetch(url, toBob), { code: 'peer_certificate_ended' })
  assert.equal(seen.requests, 2)
})

test('a service that does not accept the own trust domain says so by closing: the error names it', async t => {
  const other = new TestCa('other.org')
  const svid = ca.svid(BOB)
  const server = createServer(
    { key: svid.privateKeyPem(), cert: svid.certificate + svid.chain, ca: other.bundle, requestCert: true },
    (_request, response) => response.end(),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const { port } = server.address() as { port: number }
  await assert.rejects(alice.fetch(`https://127.0.0.1:${port}/`, toBob), { code: 'peer_closed' })
})

test('a connection that the server is just closing costs a new one, not the request', async t => {
  const { url, server, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  await (await alice.fetch(url, toBob)).text()
  server.closeAllConnections()
  // The client has not heard of it yet: what it sends now is lost, and may be sent again.
  assert.equal(await (await alice.fetch(url, toBob)).text(), ALICE)
  assert.deepEqual([seen.requests, seen.connections], [2, 2])
})

test('what may not be sent twice is not', async t => {
  const { url, server, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const dispatcher = alice.dispatcher(toBob)
  const pay = { dispatcher, method: 'POST', body: 'pay' } as const
  await (await undiciRequest(url, pay)).body.text()
  server.closeAllConnections()
  await assert.rejects(undiciRequest(url, pay), { code: 'UND_ERR_SOCKET' })
  assert.equal(seen.requests, 1)
})

test('a body that can be read once only is untouched by a connection that was lost before', async t => {
  const { url, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  let socket: TLSSocket | undefined
  const connected = (message: unknown) => {
    socket = (message as { socket: TLSSocket }).socket
  }
  subscribe('undici:client:connected', connected)
  t.after(() => unsubscribe('undici:client:connected', connected))
  await (await alice.fetch(url, toBob)).text()
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('once'))
      controller.close()
    },
  })
  // Cut while undici holds the request and has sent nothing of it.
  const cut = () => {
    unsubscribe('undici:request:create', cut)
    socket?.destroy()
  }
  subscribe('undici:request:create', cut)
  const response = await alice.fetch(url, { ...toBob, method: 'POST', body, duplex: 'half' })
  assert.equal(response.status, 200)
  assert.deepEqual([seen.requests, seen.connections], [2, 2])
})

test('a request that was begun is not sent twice', async t => {
  const { url, seen } = await bobServes(t, { handler: request => request.socket.destroy() })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  await assert.rejects(alice.fetch(url, { ...toBob, method: 'POST', body: 'pay' }), { code: 'peer_closed' })
  assert.equal(seen.requests, 1)
})

test('an aborted request ends its connection, and only that', async t => {
  const { url, seen } = await bobServes(t, {
    handler: (request, response) => {
      if (request.url !== '/hang') response.end('ok')
    },
  })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const controller = new AbortController()
  const hanging = alice.fetch(`${url}/hang`, { ...toBob, signal: controller.signal })
  while (seen.requests === 0) await new Promise(resolve => setImmediate(resolve))
  controller.abort()
  await assert.rejects(hanging, { name: 'AbortError' })
  assert.equal(await (await alice.fetch(url, toBob)).text(), 'ok')
  await assert.rejects(alice.fetch(url, { ...toBob, signal: AbortSignal.abort() }), { name: 'AbortError' })
})

test('the other ways of undici go by the same dispatcher', async t => {
  const { url, server } = await bobServes(t, { handler: (request, response) => request.pipe(response) })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const dispatcher = alice.dispatcher(toBob)
  const { body } = await undiciRequest(url, { dispatcher, method: 'POST', body: 'echo' })
  assert.equal(await body.text(), 'echo')
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => socket.send('hello'))
  const socket = new WebSocket(url.replace('https', 'wss'), { dispatcher })
  const [event] = (await once(socket, 'message')) as [{ data: string }]
  assert.equal(event.data, 'hello')
  socket.close()
  await once(socket, 'close')
  await dispatcher.close()
  await assert.rejects(undiciRequest(url, { dispatcher }), { code: 'UND_ERR_CLOSED' })
})

test('forms and headers go as with fetch', async t => {
  const { url } = await bobServes(t, {
    handler: async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      response.end(
        `${request.headers['content-type']?.split(';')[0]} ${request.headers['x-a']} ${Buffer.concat(chunks).length > 0}`,
      )
    },
  })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const form = new FormData()
  form.set('a', 'b')
  const response = await alice.fetch(url, {
    ...toBob,
    method: 'POST',
    body: form as never,
    headers: new Headers({ 'x-a': '1' }) as never,
  })
  assert.equal(await response.text(), 'multipart/form-data 1 true')
})

test('closing the identity ends what is open', async t => {
  const { url } = await bobServes(t, { handler: (_request, response) => response.write('begun') })
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const response = await alice.fetch(url, toBob)
  await alice.close()
  await assert.rejects(response.text())
  assert.equal(alice.connections, 0)
})

test('a Host header of another name does not lead around the check', async t => {
  const { url, seen } = await bobServes(t)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const dispatcher = alice.dispatcher(toBob)
  for (const host of ['a.example', 'b.example'])
    assert.equal(await (await undiciRequest(url, { dispatcher, headers: { host } })).body.text(), ALICE)
  assert.equal(seen.connections, 1)
  void (dispatcher satisfies Dispatcher)
})
