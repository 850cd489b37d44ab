import assert from 'node:assert/strict'
import { connect as connectHttp2, createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import { createServer, type Server } from 'node:https'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { WebSocket, WebSocketServer } from 'ws'
import type { Identity } from '../identity/identity.ts'
import { identityWith } from '../testing/files.ts'
import { ALICE, answerOn, BOB, ca, EVE, rawClient } from '../testing/pair.ts'
import { agentId, tenant } from './authorizer.ts'
import { caller } from './caller.ts'

const allow = tenant('acme')

async function listening(t: TestContext, server: Server | Http2SecureServer): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as { port: number }).port}`
}

const bob = async (t: TestContext): Promise<Identity> => (await identityWith(t, ca.svid(BOB))).identity

/** Alice is answered with her name, Eve with a refusal that the framework never heard of. */
async function checkService(t: TestContext, url: string): Promise<void> {
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const { identity: eve } = await identityWith(t, ca.svid(EVE))
  const answer = await alice.fetch(`${url}/who`, { peer: agentId(BOB) })
  assert.equal(answer.status, 200)
  assert.equal(await answer.text(), ALICE)
  const refused = await eve.fetch(`${url}/who`, { peer: agentId(BOB) })
  assert.equal(refused.status, 403)
  assert.equal(((await refused.json()) as { code: string }).code, 'peer_not_allowed')
}

test('node:https, with a server of one’s own', async t => {
  const identity = await bob(t)
  const server = createServer(identity.serverOptions(), (request, response) => response.end(`${caller(request).id}`))
  await checkService(t, await listening(t, identity.protect(server, { allow })))
})

test('Express', async t => {
  const app = express()
  app.get('/who', (request, response) => void response.send(`${caller(request).id}`))
  const identity = await bob(t)
  const serving = await identity.serve({ allow }, app)
  t.after(() => serving.close())
  await checkService(t, serving.url)
})

test('Fastify', async t => {
  const identity = await bob(t)
  const app = fastify({ serverFactory: handler => identity.createServer({ allow }, handler) })
  app.get('/who', request => `${caller(request).id}`)
  // Fastify believes that a server which it did not make speaks plain HTTP.
  const url = (await app.listen({ port: 0, host: '127.0.0.1' })).replace('http:', 'https:')
  t.after(() => app.close())
  await checkService(t, url)
})

test('Hono', async t => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/who', context => context.text(`${caller(context).id}`))
  const identity = await bob(t)
  const serving = await identity.serve({ allow }, getRequestListener(app.fetch))
  t.after(() => serving.close())
  await checkService(t, serving.url)
})

test('node:http2, by request and by stream', async t => {
  const identity = await bob(t)
  const server = createSecureServer({ ...identity.serverOptions(), allowHTTP1: true })
  server.on('request', (request, response) => {
    if (request.httpVersionMajor === 1) response.end(`${caller(request).id}`)
  })
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 })
    stream.end(`${caller(stream).id}`)
  })
  const url = await listening(t, identity.protect(server, { allow }))
  await checkService(t, url)
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const { hostname: host, port } = new URL(url)
  const socket = await alice.connect({ host, port: Number(port), peer: agentId(BOB), alpn: ['h2'] })
  const session = connectHttp2(url, { createConnection: () => socket })
  let text = ''
  for await (const chunk of session.request({ ':path': '/' })) text += chunk
  assert.equal(text, ALICE)
  session.close()
})

test('node:tls', async t => {
  const identity = await bob(t)
  const server = createTlsServer(identity.serverOptions(), socket => socket.end(`${caller(socket).id}`))
  identity.protect(server, { allow })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const socket = rawClient((server.address() as { port: number }).port, ca.svid(ALICE))
  assert.equal(await answerOn(socket), ALICE)
})

test('ws, both ends', async t => {
  const identity = await bob(t)
  const server = identity.createServer({ allow }, (_request, response) => response.end())
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    socket.send(`${caller(request).id}`)
    socket.on('message', data => socket.send(data))
  })
  const url = (await listening(t, server)).replace('https', 'wss')
  t.after(() => sockets.close())
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const { identity: eve } = await identityWith(t, ca.svid(EVE))
  const open = (who: Identity, peer = agentId(BOB)) => new WebSocket(url, { agent: who.agent({ peer }) })
  const socket = open(alice)
  const messages: string[] = []
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', data => {
      messages.push(`${data}`)
      if (messages.length === 2) resolve()
      else socket.send('echo')
    })
  })
  assert.deepEqual(messages, [ALICE, 'echo'])
  socket.terminate()
  const status = await new Promise(resolve => {
    open(eve)
      .on('unexpected-response', (_request, response) => resolve(response.statusCode))
      .on('error', resolve)
  })
  assert.equal(status, 403)
  const error = await new Promise(resolve => open(alice, agentId(EVE)).on('error', resolve))
  assert.equal((error as { code: string }).code, 'peer_not_allowed')
})

test('who was called is no caller', async t => {
  const identity = await bob(t)
  const serving = await identity.serve({ allow }, (_request, response) => response.end())
  t.after(() => serving.close())
  const { identity: alice } = await identityWith(t, ca.svid(ALICE))
  const socket = await alice.connect({ host: serving.host, port: serving.port, peer: agentId(BOB) })
  assert.throws(() => caller(socket), { code: 'caller_unknown' })
  assert.throws(() => caller({ socket }), { code: 'caller_unknown' })
  socket.destroy()
})

test('whoever did not come through a door is nobody', async () => {
  const forged = { id: ALICE, socket: { authorized: true }, headers: { 'x-forwarded-client-cert': ALICE } }
  for (const request of [
    forged,
    {},
    { raw: forged },
    { env: { incoming: forged } },
    { stream: { session: {} } },
    new Request('https://x/'),
  ])
    assert.throws(() => caller(request), { code: 'caller_unknown' })
})
