import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, type Http2Session } from 'node:http2'
import { get } from 'node:https'
import { connect, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { decodePem } from '@lanyard/protocol'
import type { Svid } from '../identity/svid.ts'
import { feedStage, first, GET, standing } from '../testing/guarded.ts'
import { answerOn, gone } from '../testing/pair.ts'
import { agentId, tenant } from './authorizer.ts'

const getOf = (path: string, headers = '') => GET.replace('GET /', `GET ${path}`).replace(/\r\n$/, `${headers}\r\n`)

function http2To(t: TestContext, url: string, svid: Svid, options: { ca: string; settings?: object }) {
  const own = { cert: svid.certificate + svid.chain, key: svid.privateKeyPem() }
  const session = connectHttp2(url, { ...own, ...options, checkServerIdentity: () => undefined })
  session.on('error', () => {})
  t.after(() => session.destroy())
  return session
}

async function ask(session: ClientHttp2Session, headers: Record<string, string> = {}) {
  const stream = session.request({ ':path': '/', ...headers })
  stream.on('error', () => {})
  const [answer] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  return { status: answer[':status'], text }
}

/** As RFC 9440 writes it. */
function passedOn(svid: Svid) {
  const [leaf, ...chain] = decodePem(svid.certificate + svid.chain, {
    labels: ['CERTIFICATE'],
    maxBytes: 65_536,
    maxBlocks: 8,
  }).map(({ der }) => `:${Buffer.from(der).toString('base64')}:`)
  return { 'client-cert': leaf!, 'client-cert-chain': chain.join(', ') }
}

test('a proxy that is dead speaks for nobody, on a connection that it makes anew', async t => {
  const { feed, bob, ca, id, client } = await feedStage(t)
  const options = { allow: agentId(id('carol')), via: agentId(id('proxy')) }
  const { port, identity } = await bob(options)
  await standing(identity, 'fresh')
  // Anybody can have the certificate of a living agent. Only a proxy's word makes a caller of it.
  const headers = passedOn(ca.svid(id('carol')))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = getOf('/', lines.join(''))
  assert.match(await first(client(port, 'proxy'), request), /200 OK/)
  await feed.acknowledged(await feed.kill('agent', id('proxy')))
  assert.match(await first(client(port, 'proxy'), request), /^HTTP\/1\.1 403 [\s\S]*"code":"peer_dead"/)
  const session = http2To(t, (await bob({ ...options, http2: true } as never)).url, ca.svid(id('proxy')), {
    ca: ca.bundle,
  })
  const { status, text } = await ask(session, headers)
  assert.deepEqual([status, JSON.parse(text).code], [403, 'peer_dead'])
})

test('one who is refused does not end the connection of the proxy for the others', async t => {
  const { feed, bob, ca, id } = await feedStage(t)
  const choice = { allow: agentId(id('carol'), id('alice')), via: agentId(id('proxy')), http2: true } as never
  const { url, identity } = await bob(choice)
  await standing(identity, 'fresh')
  const proxy = http2To(t, url, ca.svid(id('proxy')), { ca: ca.bundle })
  let left = 0
  proxy.on('goaway', () => left++)
  await feed.acknowledged(await feed.kill('agent', id('alice')))
  for (let i = 0; i < 3; i++) {
    assert.equal((await ask(proxy, passedOn(ca.svid(id('alice'))))).status, 403)
    assert.equal((await ask(proxy, passedOn(ca.svid(id('carol'))))).status, 200)
  }
  assert.deepEqual([left, proxy.closed], [0, false])
})

test('a server of plain TLS asks whom to allow', async t => {
  const { identity, id, client } = await feedStage(t)
  const bob = await identity('bob')
  const refused = once(bob, 'refused')
  const server = bob.protect(createTlsServer(bob.serverOptions()), { allow: agentId(id('carol')) })
  server.on('secureConnection', socket => socket.write('welcome'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  assert.equal(await answerOn(client(port, 'alice')), '')
  assert.equal((await refused)[0].error.code, 'peer_not_allowed')
  const [welcome] = await once(client(port, 'carol'), 'data')
  assert.equal(String(welcome), 'welcome')
})

test('a function that breaks on a path declares nothing to be best effort, and ends nothing', async t => {
  const { feed, bob, client } = await feedStage(t)
  const { port, identity } = await bob({ bestEffort: ({ url }) => new URL(url).pathname === '/free' })
  await standing(identity, 'fresh')
  assert.match(await first(client(port, 'alice'), GET), /200 OK/)
  feed.speaks = false
  await standing(identity, 'over')
  assert.match(await first(client(port, 'alice'), GET), /503/)
})

// Each of them begins as a declared path does, and some router takes it for /admin.
const TRICKS = [
  '/free/../admin',
  '/free/%2e%2e/admin',
  '/free/.%2E/admin',
  '/free/..%2fadmin',
  '/free//../admin',
  '/free/./../admin',
  '/free/..\\admin',
  '/free\\..\\admin',
  '/free/..',
  '/free#/../admin',
]
test('a path that can be read in two ways is no best effort', async t => {
  const { feed, bob, client } = await feedStage(t)
  const { port, identity } = await bob({ bestEffort: ({ url }) => url.startsWith('/free') })
  await standing(identity, 'fresh')
  feed.speaks = false
  await standing(identity, 'over')
  for (const path of TRICKS) assert.match(await first(client(port, 'alice'), getOf(path)), /503/, path)
  for (const path of ['/free', '/free/', '/free/a-b.c/d_~1', '/free?next=/../%2e'])
    assert.match(await first(client(port, 'alice'), getOf(path)), /200 OK/, path)
})

test('a guarded request behind one of best effort on the same connection ends all the same', async t => {
  const { feed, identity, client } = await feedStage(t)
  const bob = await identity('bob')
  const { server, port, close } = await bob.serve(
    { allow: tenant('acme'), bestEffort: ({ url }) => url === '/free' },
    (_, response) => response.write('begun'),
  )
  t.after(() => {
    server.closeAllConnections()
    return close()
  })
  await standing(bob, 'fresh')
  const socket = client(port, 'alice')
  await first(socket, getOf('/free') + getOf('/guarded'))
  const ended = gone(socket)
  feed.speaks = false
  await ended
})

/** A way to a port on which a handshake stands still until it is opened. */
async function gateTo(t: TestContext, port: number) {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const { promise: came, resolve: come } = Promise.withResolvers<void>()
  const relay = createServer(socket => {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    come()
    void opened.then(() => {
      const onward = connect(port, '127.0.0.1').on('error', () => {})
      socket.once('close', () => onward.destroy())
      socket.pipe(onward).pipe(socket)
    })
  })
  await new Promise<void>(resolve => relay.listen(0, '127.0.0.1', resolve))
  t.after(() => relay.close())
  return { port: (relay.address() as { port: number }).port, came, open }
}

test('who dies while a peer draws out the handshake does not call', async t => {
  const { authority, feed, bob, identity, id } = await feedStage(t)
  const gate = await gateTo(t, (await bob({}, false)).port)
  const alice = await identity('alice')
  const called = alice.connect({ host: '127.0.0.1', port: gate.port, peer: agentId(id('bob')) })
  const refused = assert.rejects(called, { code: 'identity_dead' })
  await gate.came
  authority.refuse(403, 'agent_quarantined')
  await feed.kill('agent', id('alice'))
  await standing(alice, 'dead')
  gate.open()
  await refused
})

test('a handshake that outlasts the budget leads to no call', async t => {
  const { feed, bob, identity, id } = await feedStage(t)
  const gate = await gateTo(t, (await bob({}, false)).port)
  const alice = await identity('alice')
  const refused = assert.rejects(alice.fetch(`https://127.0.0.1:${gate.port}/`, { peer: agentId(id('bob')) }), {
    code: 'liveness_stale',
  })
  await gate.came
  feed.speaks = false
  await standing(alice, 'over')
  gate.open()
  await refused
})

test('an idle connection of an agent of Node carries no call without news', async t => {
  const { feed, bob, identity, id } = await feedStage(t)
  const { url } = await bob({}, false)
  const alice = await identity('alice', { graceMs: 60_000 })
  const agent = alice.agent({ peer: agentId(id('bob')) })
  const call = () =>
    new Promise((resolve, reject) => {
      const request = get(url, { agent }, answer => {
        answer.resume()
        agent.once('free', () => resolve(answer.statusCode))
      })
      request.once('error', reject)
    })
  assert.equal(await call(), 200)
  feed.speaks = false
  await standing(alice, 'stale')
  await assert.rejects(call(), { code: 'liveness_stale' })
})

test('a handler of streams at the session of HTTP/2 hears of none that was refused', async t => {
  const { feed, bob, ca, id } = await feedStage(t)
  const { server, url, identity } = await bob({ http2: true } as never)
  const seen: unknown[] = []
  server.on('session', (session: Http2Session) => session.on('stream', (_, headers) => seen.push(headers[':path'])))
  await standing(identity, 'fresh')
  assert.equal((await ask(http2To(t, url, ca.svid(id('alice')), { ca: ca.bundle }))).status, 200)
  await feed.acknowledged(await feed.kill('agent', id('alice')))
  assert.equal((await ask(http2To(t, url, ca.svid(id('alice')), { ca: ca.bundle }))).status, 403)
  assert.deepEqual(seen, ['/'])
})

test('streams of the dead, opened and reset by the dozen, end nothing but themselves', async t => {
  const { feed, bob, ca, id } = await feedStage(t)
  const { url, identity } = await bob({ http2: true } as never)
  await standing(identity, 'fresh')
  await feed.acknowledged(await feed.kill('agent', id('alice')))
  const session = http2To(t, url, ca.svid(id('alice')), { ca: ca.bundle })
  await once(session, 'connect')
  for (let i = 0; i < 60; i++) {
    const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false })
    stream.on('error', () => {})
    if (i % 2 === 1) stream.close(8)
  }
  while (identity.connections > 0) await new Promise(resolve => setTimeout(resolve, 5))
  assert.equal((await ask(http2To(t, url, ca.svid(id('carol')), { ca: ca.bundle }))).status, 200)
})

test('who is refused and opens no window for the answer is not waited for', async t => {
  const { feed, bob, ca, id } = await feedStage(t)
  const { url, identity } = await bob({ http2: true } as never)
  await standing(identity, 'fresh')
  await feed.acknowledged(await feed.kill('agent', id('alice')))
  const settings = { initialWindowSize: 0 }
  const session = http2To(t, url, ca.svid(id('alice')), { ca: ca.bundle, settings })
  const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false })
  stream.on('error', () => {})
  await gone(session)
})
