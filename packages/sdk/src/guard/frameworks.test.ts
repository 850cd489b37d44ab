import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:https'
import { type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { WebSocket as UndiciWebSocket } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'
import type { Identity } from '../identity/identity.ts'
import { feedStage, first, GET, STREAM, standing } from '../testing/guarded.ts'
import { answerOn, gone } from '../testing/pair.ts'
import { agentId, tenant } from './authorizer.ts'

const allow = tenant('acme')
type Stage = Awaited<ReturnType<typeof feedStage>>

/** Events that are open end with their reader; others go on; who died is refused at the door; the framework never hears of it. */
async function checkService(t: TestContext, stage: Stage, identity: Identity, port: number): Promise<void> {
  const { feed, id, client } = stage
  await standing(identity, 'fresh')
  const [alice, carol] = [client(port, 'alice'), client(port, 'carol')]
  assert.match(await first(alice, STREAM), /text\/event-stream/)
  assert.match(await first(carol, STREAM), /text\/event-stream/)
  const ended = gone(alice)
  await feed.kill('agent', id('alice'))
  await ended
  assert.equal(carol.destroyed, false)
  const again = client(port, 'alice')
  again.write(GET)
  assert.match(await answerOn(again), /403[\s\S]*peer_dead/)
  feed.speaks = false
  const late = gone(carol)
  await late
  assert.match(await first(client(port, 'carol'), GET), /503[\s\S]*liveness_stale/)
  t.diagnostic(`${feed.acks.length} acknowledgements`)
}

test('Express', async t => {
  const stage = await feedStage(t)
  const identity = await stage.identity('bob')
  const app = express()
  app.get('/stream', (_request, response) => {
    response.type('text/event-stream').write('data: 1\n\n')
  })
  const serving = await identity.serve({ allow }, app)
  t.after(() => {
    serving.server.closeAllConnections()
    return serving.close()
  })
  await checkService(t, stage, identity, serving.port)
})

test('Fastify', async t => {
  const stage = await feedStage(t)
  const identity = await stage.identity('bob')
  const app = fastify({ serverFactory: handler => identity.createServer({ allow }, handler) })
  app.get('/stream', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
  })
  const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  t.after(() => {
    ;(app.server as Server).closeAllConnections()
    return app.close()
  })
  await checkService(t, stage, identity, Number(url.port))
})

test('Hono', async t => {
  const stage = await feedStage(t)
  const identity = await stage.identity('bob')
  const app = new Hono()
  app.get('/stream', context =>
    streamSSE(context, async stream => {
      await stream.writeSSE({ data: '1' })
      await new Promise<void>(resolve => stream.onAbort(resolve))
    }),
  )
  const serving = await identity.serve({ allow }, getRequestListener(app.fetch))
  t.after(() => {
    serving.server.closeAllConnections()
    return serving.close()
  })
  await checkService(t, stage, identity, serving.port)
})

test('ws: sockets of the dead end at both ends, whether they came or were opened', async t => {
  const { identity, id, feed } = await feedStage(t)
  const bob = await identity('bob')
  const serving = await bob.serve({ allow }, (_request, response) => response.end())
  const sockets = new WebSocketServer({ server: serving.server })
  t.after(() => sockets.close())
  const [alice, carol] = [await identity('alice', false), await identity('carol')]
  const peer = agentId(id('bob'))
  const url = serving.url.replace('https', 'wss')
  const open = async (who: Identity) => {
    const socket = new WebSocket(url, { agent: who.agent({ peer }) })
    socket.on('error', () => {})
    await once(socket, 'open')
    return socket
  }
  const [ofAlice, ofCarol] = [await open(alice), await open(carol)]
  const modern = new UndiciWebSocket(url, { dispatcher: carol.dispatcher({ peer }) })
  await new Promise(resolve => modern.addEventListener('open', resolve))
  // Alice hears of nothing: it is bob who ends it.
  const ended = gone(ofAlice)
  await feed.kill('agent', id('alice'))
  await ended
  assert.equal(ofCarol.readyState, WebSocket.OPEN)
  const closed = [gone(ofCarol), new Promise(resolve => modern.addEventListener('close', resolve))]
  await feed.kill('agent', id('bob'))
  await Promise.all(closed)
  await serving.close()
})
