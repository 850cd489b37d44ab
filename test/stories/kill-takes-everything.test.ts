import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, type Http2SecureServer } from 'node:http2'
import { after, before, test } from 'node:test'
import { type Handler, type Identity, type Serving, tenant } from '@lanyard/sdk'
import { Client } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'
import { agentKey } from '../support/agent-key.ts'
import { PlainCaller, type Where } from '../support/caller.ts'
import { Cast } from '../support/cast.ts'
import { gone } from '../support/gone.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

let authority: LanyardUp
let cast: Cast
let service: Identity
let plain: Serving
let http2: Serving<Http2SecureServer>

before(async () => {
  authority = await lanyardUp()
  cast = await Cast.of(authority)
  service = await cast.identity('service')
  const allow = tenant('acme')
  const handler: Handler = (request, response) =>
    request.url === '/stream' ? response.write('open') : response.end('done')
  plain = await service.serve({ allow }, handler)
  http2 = await service.serve({ allow, http2: true }, handler)
  const sockets = new WebSocketServer({ server: plain.server })
  sockets.on('connection', socket => socket.on('message', data => socket.send(`heard ${data}`)))
})
after(async () => {
  await service?.close()
  await Promise.all([plain?.close(), http2?.close()])
  await authority?.remove()
})

const callerOf = async (agent: string) => new PlainCaller(await cast.credential(agent), authority.rootPem)

async function webSocketOf(caller: PlainCaller): Promise<WebSocket> {
  const socket = new WebSocket(`wss://127.0.0.1:${plain.port}`, caller.tls)
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

async function http2Of(caller: PlainCaller): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${http2.port}`, caller.tls)
  session.on('error', () => {})
  await once(session, 'connect')
  return session
}

async function openStream(session: ClientHttp2Session) {
  const stream = session.request({ ':path': '/stream' })
  stream.on('error', () => {})
  await once(stream, 'data')
  stream.resume()
  return stream
}

/** What our own API says to a token. */
async function tryToken(token: string): Promise<string> {
  const { csrPem } = await agentKey('P-256')
  const { status, reply } = await authority.ask('POST', '/v1/agent/auth/cert', { csr: csrPem }, token)
  assert.ok(status >= 400, `the token was taken: ${status}`)
  return reply.code
}

test('what a killed agent has open ends, and a living one notices nothing', async () => {
  const [dead, alive] = await Promise.all([callerOf('open-dead'), callerOf('open-alive')])
  const [deadSocket, aliveSocket] = await Promise.all([webSocketOf(dead), webSocketOf(alive)])
  const [deadSession, aliveSession] = await Promise.all([http2Of(dead), http2Of(alive)])
  const [deadStream, aliveStream] = await Promise.all([openStream(deadSession), openStream(aliveSession)])
  const events = await dead.stream({ host: '127.0.0.1', port: plain.port })
  const idle = await dead.connect({ host: '127.0.0.1', port: plain.port })
  const ends = [gone(deadSocket), gone(deadStream), gone(deadSession), gone(idle)]

  const { incident } = await cast.kill('open-dead')
  await Promise.all([...ends, events.ended])

  assert.equal(aliveStream.closed, false)
  aliveSocket.send('me')
  assert.equal(String((await once(aliveSocket, 'message'))[0]), 'heard me')
  assert.equal((await alive.call(plain)).text, 'done')
  const { receipt } = await cast.closed(incident)
  const [point] = receipt.points
  assert.equal(point?.outcome, 'applied')
  assert.ok((point?.cut ?? 0) >= 4, `cut ${point?.cut}`)
  aliveSocket.terminate()
  aliveSession.destroy()
})

test('nothing that a killed agent holds opens a door again, even after its reinstatement', async () => {
  const [used, unused] = [await cast.token('holder'), await cast.token('holder')]
  const caller = await callerOf('holder')
  assert.equal((await caller.call(plain)).status, 200)
  const { incident } = await cast.kill('holder')
  await cast.closed(incident)

  assert.deepEqual([await tryToken(used), await tryToken(unused)], ['agent_quarantined', 'agent_quarantined'])
  const refused = await caller.call(plain)
  assert.notEqual(refused.status, 200)
  assert.equal(await renewal(caller), 'agent_quarantined')

  await cast.reinstate('holder')
  assert.deepEqual([await tryToken(used), await tryToken(unused)], ['incarnation_dead', 'incarnation_dead'])
  assert.match(await renewal(caller), /^(incarnation_dead|certificate_revoked)$/)
  assert.notEqual((await caller.call(plain)).status, 200)
  const reborn = await callerOf('holder')
  assert.equal((await reborn.call(plain)).status, 200)
  caller.close()
  reborn.close()
})

/** What our own API says to the certificate of a caller that wants the next one. */
async function renewal(caller: PlainCaller): Promise<string> {
  const { csrPem } = await agentKey('P-256')
  const client = new Client(authority.ready.url, { allowH2: false, connect: caller.tls })
  try {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ csr: csrPem })
    const reply = await client.request({ method: 'POST', path: '/v1/agent/auth/cert', headers, body })
    return ((await reply.body.json()) as { code: string }).code
  } finally {
    await client.destroy()
  }
}

test('a killed agent that kept its TLS session resumes nothing', async () => {
  const caller = await callerOf('resumer')
  const kept: [Where, Buffer][] = []
  for (const where of [plain, http2]) {
    const socket = await caller.connect(where, http1)
    // A server without tickets still sends names of sessions, which it does not keep.
    const session = once(socket, 'session')
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(socket, 'data')
    kept.push([where, (await session)[0] as Buffer])
    socket.destroy()
  }
  assert.deepEqual(await Promise.all(kept.map(([where, session]) => comesIn(caller, where, session))), [true, true])
  await cast.closed((await cast.kill('resumer')).incident)
  assert.deepEqual(await Promise.all(kept.map(([where, session]) => comesIn(caller, where, session))), [false, false])
  caller.close()
})

const http1 = { ALPNProtocols: ['http/1.1'] }

/** Whether a connection that offers to resume a session is answered. It never is resumed. */
async function comesIn(caller: PlainCaller, where: Where, session: Buffer): Promise<boolean> {
  const socket = await caller.connect(where, { ...http1, session })
  assert.equal(socket.isSessionReused(), false)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  const [first] = await Promise.race([once(socket, 'data'), once(socket, 'close')])
  socket.destroy()
  return String(first).startsWith('HTTP/1.1 200')
}

test('the key that a killed agent was bootstrapped with tries another name in vain', async () => {
  for (const agent of ['invoice-1', 'invoice-2']) await authority.call('POST', '/v1/agents', { tenant: 'acme', agent })
  const { key } = await authority.call('POST', '/v1/api-keys', {
    name: 'a deployer',
    role: 'operator',
    tenant: 'acme',
    agents: 'invoice-*',
    expires_in_sec: 3600,
  })
  const bootstrap = (agent: string) => authority.ask('POST', '/v1/agent/bootstrap', { tenant: 'acme', agent }, key)
  const { token } = (await bootstrap('invoice-1')).reply
  const sister = (await bootstrap('invoice-2')).reply.token
  assert.ok(token && sister)

  await cast.kill('invoice-1', { scope: 'api-key' })
  const { status, reply } = await bootstrap('invoice-2')
  assert.deepEqual([status, reply.code], [401, 'unauthenticated'])
  // What the key had opened before is gone with it, under whatever name; the agent itself lives.
  assert.equal(await tryToken(sister), 'lineage_ended')
  assert.equal((await authority.call('GET', '/v1/agents/acme/invoice-2')).lifecycle !== 'quarantined', true)
})

test('a key that was killed is never certified again, under another name either', async () => {
  const { csrPem } = await agentKey('P-256')
  const ask = async (agent: string) =>
    await authority.ask('POST', '/v1/agent/auth/cert', { csr: csrPem }, await cast.token(agent))
  const issued = await ask('keyholder')
  assert.equal(issued.status, 201)
  const { items } = await authority.call('GET', '/v1/certificates?tenant=acme&agent=keyholder')
  await authority.call('POST', '/v1/kill', { key_thumbprint: items[0].key_thumbprint, reason: 'a story' })
  for (const agent of ['keyholder', 'another-name']) {
    const { status, reply } = await ask(agent)
    assert.deepEqual([status, reply.code], [403, 'key_killed'])
  }
})
