import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import { Identity } from '../identity/identity.ts'
import { feedStage, first, GET, STREAM, standing } from '../testing/guarded.ts'
import { answerOn, gone, whoCalls } from '../testing/pair.ts'
import { systemTime } from '../time.ts'
import { agentId, tenant } from './authorizer.ts'

test('without news calls are refused, then what is open ends, and with news all goes on', async t => {
  const { feed, bob, client } = await feedStage(t)
  // A busy machine shall not pass over the time between.
  const { port, identity } = await bob({}, { graceMs: 1_000 })
  const stream = client(port, 'alice')
  await first(stream, STREAM)
  const ended = gone(stream)
  feed.speaks = false
  await standing(identity, 'stale')
  assert.equal(stream.destroyed, false)
  const refused = await first(client(port, 'alice'), GET)
  assert.match(refused, /^HTTP\/1\.1 503 [\s\S]*retry-after: 1\r\n[\s\S]*"code":"liveness_stale"/i)
  await ended
  assert.equal(identity.guard.standing, 'over')
  feed.speaks = true
  await standing(identity, 'fresh')
  assert.match(await first(client(port, 'alice'), GET), /200 OK/)
})

test('news counts by its time, not by its arrival', async t => {
  const { feed, bob, client } = await feedStage(t)
  const { port, identity } = await bob({}, { graceMs: 60_000 })
  feed.lagMs = 10_000
  await standing(identity, 'stale')
  assert.match(await first(client(port, 'alice'), GET), /503/)
})

test('own calls wait for news at the start, and fail where there is none', async t => {
  const { feed, bob, identity, id } = await feedStage(t)
  const { url } = await bob({}, false)
  const alice = await identity('alice')
  const peer = agentId(id('bob'))
  assert.equal((await alice.fetch(url, { peer })).status, 200)
  feed.speaks = false
  await standing(alice, 'over')
  await assert.rejects(alice.fetch(url, { peer }), { code: 'liveness_stale' })
  feed.speaks = true
  await standing(alice, 'fresh')
  assert.equal((await alice.fetch(url, { peer })).status, 200)
})

test('an old beginning, as one that was made for another reader, is waited out', async t => {
  const { feed, bob, identity, id } = await feedStage(t)
  const { url } = await bob({}, false)
  feed.lagMs = 10_000
  const alice = await identity('alice')
  const turns: string[] = []
  alice.on('liveness', ({ standing }) => turns.push(standing))
  const reply = alice.fetch(url, { peer: agentId(id('bob')) })
  await feed.until(() => (feed.asked.length > 0 ? true : undefined))
  feed.lagMs = 0
  assert.equal((await reply).status, 200)
  assert.deepEqual(turns, ['fresh'])
})

test('a broken connection is made anew within the budget, and nobody notices', async t => {
  const { authority, feed, bob, client } = await feedStage(t)
  const { port, identity } = await bob()
  const socket = client(port, 'alice')
  const turns: string[] = []
  await standing(identity, 'fresh')
  identity.on('liveness', ({ standing }) => turns.push(standing))
  for (let i = 0; i < 3; i++) {
    authority.cutAll()
    const asked = feed.asked.length
    assert.match(await first(socket, GET), /200 OK/)
    await feed.until(() => (feed.asked.length > asked ? true : undefined))
    await standing(identity, 'fresh')
  }
  assert.ok(!turns.includes('stale'), `${turns}`)
  assert.match(feed.asked.at(-1)!, /^\?since=1&feed_id=feed-1$/)
})

test('a connection without news is replaced before the budget has passed', async t => {
  const { feed, bob } = await feedStage(t)
  const { identity } = await bob({}, { budgetMs: 4_000 })
  await standing(identity, 'fresh')
  const { readers } = feed
  feed.speaks = false
  const asked = feed.asked.length
  await feed.until(() => (feed.asked.length > asked ? true : undefined))
  assert.match(identity.guard.standing, /fresh|catching-up/)
  assert.equal(feed.readers, readers + 1, 'the old one is kept until the new one speaks')
  feed.speaks = true
  await feed.tell()
  while (feed.readers > 1) await new Promise(resolve => setTimeout(resolve, 5))
})

test('a process that stood still hears what has happened before it answers', async t => {
  const { authority, feed, bob, id, client } = await feedStage(t)
  const { port, identity } = await bob({}, { budgetMs: 5_000, heartbeatMs: 100 })
  const socket = client(port, 'alice')
  await first(socket, GET)
  await standing(identity, 'fresh')
  const asked = feed.asked.length
  // All of it waits in this process: the request first, then the death.
  socket.write(GET)
  feed.killSilently('agent', id('alice'))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  const answer = await answerOn(socket)
  assert.doesNotMatch(answer, /200 OK/)
  assert.ok(feed.asked.length > asked, 'it asks for news of this moment')
  await authority.feed.acknowledged(2)
})

test('best effort: a declared route goes on without news, marked, and its point is called unbounded', async t => {
  const { feed, bob, client } = await feedStage(t)
  const { port, identity } = await bob({ bestEffort: ({ url }) => url.endsWith('?any') })
  await standing(identity, 'fresh')
  const stream = client(port, 'alice')
  assert.doesNotMatch(await first(stream, STREAM.replace('/stream', '/stream?any')), /lanyard-liveness/)
  const guarded = client(port, 'alice')
  await first(guarded, STREAM)
  const ended = gone(guarded)
  feed.speaks = false
  await standing(identity, 'over')
  await ended
  assert.equal(stream.destroyed, false)
  const marked = await first(client(port, 'alice'), GET.replace('GET /', 'GET /?any'))
  assert.match(marked, /200 OK[\s\S]*lanyard-liveness: best-effort/)
  assert.match(await first(client(port, 'alice'), GET), /503/)
  assert.ok(feed.enrolments.every(({ mode }) => mode === 'best_effort'))
})

test('best effort on HTTP/2: on one connection guarded streams end and others go on, marked', async t => {
  const { feed, bob, id, ca } = await feedStage(t)
  const { port, identity } = await bob({ http2: true, bestEffort: ({ url }) => url.endsWith('?any') })
  const svid = ca.svid(id('alice'))
  const tls = { ca: ca.bundle, cert: svid.certificate + svid.chain, key: svid.privateKeyPem() }
  const session = connectHttp2(`https://localhost:${port}`, { ...tls, checkServerIdentity: () => undefined })
  session.on('error', () => {})
  t.after(() => session.destroy())
  const open = (path: string) => session.request({ ':path': path }).on('error', () => {})
  const [guarded, free] = [open('/stream'), open('/stream?any')]
  await Promise.all([once(guarded, 'data'), once(free, 'data')])
  const ended = gone(guarded)
  feed.speaks = false
  await ended
  assert.equal(identity.guard.standing, 'over')
  const [answer] = await once(open('/?any'), 'response')
  assert.deepEqual([answer[':status'], answer['lanyard-liveness']], [200, 'best-effort'])
  assert.equal(free.closed, false)
})

test('an identity in the mode best_effort goes on with all, but not with the dead', async t => {
  const { feed, bob, id, client } = await feedStage(t)
  const { port, identity } = await bob({}, { mode: 'best_effort' })
  const stream = client(port, 'alice')
  await first(stream, STREAM)
  await standing(identity, 'fresh')
  feed.speaks = false
  await standing(identity, 'over')
  assert.equal(stream.destroyed, false)
  assert.match(await first(client(port, 'alice'), GET), /200 OK[\s\S]*lanyard-liveness/)
  const ended = gone(stream)
  feed.speaks = true
  await feed.kill('agent', id('alice'))
  await ended
})

test('a machine that slept refuses the first call that it hears, before any timer has told it', async t => {
  const { authority, client } = await feedStage(t)
  let slept = 0
  const bob = await Identity.fromToken({
    ...{ url: authority.url, rootSha256: authority.ca.rootSha256, token: authority.mint('bob') },
    // The steady clock stands still meanwhile.
    time: { ...systemTime, now: () => Date.now() + slept },
    liveness: { budgetMs: 5_000, graceMs: 60_000, heartbeatMs: 3_600_000 },
  })
  t.after(() => bob.close())
  const serving = await bob.serve({ allow: tenant('acme') }, whoCalls)
  t.after(() => void serving.close())
  const socket = client(serving.port, 'alice')
  assert.match(await first(socket, GET), /200 OK/)
  slept = 20_000
  assert.match(await first(socket, GET), /503/)
})
