import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { IdentityError } from '../errors.ts'
import type { Cut } from '../identity/events.ts'
import { sessionOf } from '../mtls/session.ts'
import { feedStage, first, GET, STREAM, standing } from '../testing/guarded.ts'
import { answerOn, gone } from '../testing/pair.ts'
import { agentId, dangerouslyAny, tenant } from './authorizer.ts'

test('a death ends the connections of the dead and no other, and is acknowledged', async t => {
  const { feed, bob, id, client } = await feedStage(t)
  const { port, identity } = await bob()
  const cuts: Cut[] = []
  identity.on('cut', cut => cuts.push(cut))
  const [idle, stream, living] = [client(port, 'alice'), client(port, 'alice'), client(port, 'carol')]
  await first(stream, STREAM)
  await first(idle, GET)
  await first(living, STREAM)
  const before = Date.now()
  const ended = [gone(idle), gone(stream)]
  const epoch = await feed.kill('agent', id('alice'))
  await Promise.all(ended)
  assert.equal(living.destroyed, false)
  const ack = await feed.acknowledged(epoch)
  assert.equal(ack.cut, 2)
  assert.equal(ack.point, identity.guard.point)
  // Its times are those of the feed's clock, as well as that could be read: by half of the way there and back.
  const slack = ack.uncertaintyMs + 5
  assert.ok(ack.appliedAt >= before - slack && ack.appliedAt <= Date.now() + slack)
  assert.ok(ack.lastAccept !== null && ack.lastAccept <= before + slack)
  assert.deepEqual(
    cuts.map(({ peer, side, dead }) => [`${peer.id}`, side, dead]),
    Array(2).fill([id('alice'), 'server', 'agent']),
  )
  // Whoever comes again is told why.
  assert.match(await answerOn(knock(client(port, 'alice'))), /^HTTP\/1\.1 403 [\s\S]*"code":"peer_dead"/)
  // The next incarnation is another one.
  assert.match(await first(client(port, 'alice', { incarnation: 2 }), GET), /200 OK/)
})

function knock(socket: ReturnType<Awaited<ReturnType<typeof feedStage>>['client']>) {
  socket.write(GET)
  return socket
}

const KINDS = [
  ['tenant', 'acme'],
  ['lineage', '0123456789abcdef'.repeat(2)],
] as const
for (const [kind, value] of KINDS)
  test(`the death of a ${kind} ends what it concerns`, async t => {
    const { feed, bob, client } = await feedStage(t)
    const { port } = await bob()
    const socket = client(port, 'alice')
    await first(socket, STREAM)
    const ended = gone(socket)
    await feed.kill(kind, value)
    await ended
  })

test('the last accept is known of a connection that has ended before', async t => {
  const { feed, bob, id, client } = await feedStage(t)
  const { port, identity } = await bob()
  const socket = client(port, 'alice')
  await first(socket, GET)
  socket.destroy()
  while (identity.connections > 0) await new Promise(resolve => setTimeout(resolve, 1))
  const ack = await feed.acknowledged(await feed.kill('agent', id('alice')))
  assert.equal(ack.cut, 0)
  assert.notEqual(ack.lastAccept, null)
})

test('HTTP/2: the whole session ends, with its streams', async t => {
  const { feed, bob, id, ca } = await feedStage(t)
  const { port } = await bob({ http2: true })
  const open = (agent: string) => {
    const svid = ca.svid(id(agent))
    const tls = { ca: ca.bundle, cert: svid.certificate + svid.chain, key: svid.privateKeyPem() }
    const session = connectHttp2(`https://localhost:${port}`, { ...tls, checkServerIdentity: () => undefined })
    session.on('error', () => {})
    t.after(() => session.destroy())
    return session
  }
  const [alice, carol] = [open('alice'), open('carol')]
  const streams = [alice, carol].map(session => session.request({ ':path': '/stream' }))
  for (const stream of streams) stream.on('error', () => {})
  await Promise.all(streams.map(stream => once(stream, 'data')))
  const ended = Promise.all([gone(streams[0]!), gone(alice)])
  await feed.kill('agent', id('alice'))
  await ended
  assert.equal(streams[1]!.closed, false)
})

test('a plain TLS server refuses and ends the dead', async t => {
  const { feed, identity, id, client } = await feedStage(t)
  const bob = await identity('bob')
  const server = bob.protect(createTlsServer(bob.serverOptions()), { allow: dangerouslyAny() })
  server.on('secureConnection', socket => socket.write('welcome'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  // At the start the first one waits until there is news.
  const alice = client(port, 'alice')
  await once(alice, 'data')
  const ended = gone(alice)
  await feed.kill('agent', id('alice'))
  await ended
  assert.equal(await answerOn(client(port, 'alice')), '')
})

test('a connection to the dead ends too: a call under way fails with the reason, and so does the next', async t => {
  const { feed, bob, identity, id } = await feedStage(t)
  const { url } = await bob({}, false)
  const alice = await identity('alice')
  const peer = agentId(id('bob'))
  const response = await alice.fetch(`${url}/stream`, { peer })
  const reader = response.body!.getReader()
  await reader.read()
  const read = reader.read().then(
    () => assert.fail('it went on'),
    (error: Error) => error,
  )
  const called = new Promise<Error>(resolve => {
    const request = get(`${url}/stream`, { agent: alice.agent({ peer }) }, answer => {
      answer.once('data', () => void feed.kill('agent', id('bob')))
      answer.once('error', resolve)
    })
    request.once('error', resolve)
  })
  for (const error of await Promise.all([read, called]))
    assert.equal((error instanceof IdentityError ? error : (error.cause as IdentityError)).code, 'peer_dead')
  await assert.rejects(alice.fetch(url, { peer }), { code: 'peer_dead' })
  const { hostname: host, port } = new URL(url)
  await assert.rejects(alice.connect({ host, port: Number(port), peer }), { code: 'peer_dead' })
})

test('a snapshot judges every open session anew', async t => {
  const { authority, feed, bob, id, client } = await feedStage(t)
  const { port } = await bob()
  const socket = client(port, 'alice')
  await first(socket, STREAM)
  feed.speaks = false
  feed.killSilently('agent', id('alice'))
  const ended = gone(socket)
  feed.speaks = true
  feed.endReaders()
  await ended
  assert.equal(authority.feed.readers, 1)
})

test('who is dead itself ends what it has open on both sides, asks for itself, and says so', async t => {
  const { authority, feed, bob, id, client, identity } = await feedStage(t)
  const { url } = await bob({}, false)
  const alice = await identity('alice')
  const serving = await alice.serve({ allow: tenant('acme') }, (_, response) => response.write('begun'))
  t.after(() => serving.close())
  const caller = client(serving.port, 'carol')
  await first(caller, GET)
  const response = await alice.fetch(`${url}/stream`, { peer: agentId(id('bob')) })
  const reader = response.body!.getReader()
  await reader.read()
  authority.refuse(403, 'agent_quarantined')
  const lost = once(alice, 'lost')
  const ended = gone(caller)
  await feed.kill('agent', id('alice'))
  await ended
  await assert.rejects(reader.read())
  assert.equal((await lost)[0].code, 'agent_quarantined')
  assert.equal(alice.guard.standing, 'dead')
  await assert.rejects(alice.fetch(url, { peer: agentId(id('bob')) }), { code: 'identity_dead' })
  assert.doesNotMatch(await answerOn(knock(client(serving.port, 'carol'))), /HTTP/)
})

test('an authority that refuses a dead point says that it is dead', async t => {
  const { authority, feed, bob } = await feedStage(t)
  const { identity } = await bob()
  authority.refuse(403, 'agent_quarantined')
  feed.refusal = { status: 403, code: 'agent_quarantined' }
  authority.cutAll()
  await standing(identity, 'dead')
})

test('what an older certificate is told late does not end a newer one', async t => {
  const { authority, feed, bob } = await feedStage(t)
  const { identity } = await bob()
  await standing(identity, 'fresh')
  const answer = Promise.withResolvers<void>()
  feed.late = answer.promise
  feed.refusal = { status: 403, code: 'agent_quarantined' }
  authority.cutAll()
  await feed.until(() => (feed.refused > 0 ? true : undefined))
  feed.refusal = null
  await identity.renew()
  const turned: string[] = []
  identity.on('liveness', change => turned.push(change.standing))
  answer.resolve()
  await standing(identity, 'fresh')
  assert.ok(!turned.includes('dead'), turned.join())
})

test('who dies while the connection is being closed leaves nothing open', async t => {
  const { bob, client } = await feedStage(t)
  const { server, port } = await bob()
  const arrived = once(server, 'secureConnection')
  const socket = client(port, 'alice')
  const [theirs] = await arrived
  const session = sessionOf(theirs)!
  const below = (theirs as unknown as { readonly _parent: Socket })._parent
  const closed = once(below, 'close')
  session.dead = 'agent'
  theirs.end('x')
  // In the turn after the one in which the shutdown began.
  await Promise.resolve()
  await Promise.resolve()
  session.end(new IdentityError('peer_dead', 'killed'))
  await gone(socket)
  // Whatever is left open keeps the process from its end.
  await closed
})
