import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { CALM, feedStage, first, GET, standing } from '../testing/guarded.ts'

test('a point enrols, says how it stands, and compares clocks', async t => {
  const { authority, feed, bob, client } = await feedStage(t)
  feed.renewAfterMs = 100
  authority.skew = 5_000
  const { port, identity } = await bob({}, { name: 'web-1' })
  await standing(identity, 'fresh')
  await first(client(port, 'alice'), GET)
  const said = await feed.until(() => feed.enrolments.find(({ sessions, offset_ms }) => sessions === 1 && offset_ms))
  assert.equal(said.name, 'web-1')
  assert.deepEqual([said.mode, said.budget_ms, said.grace_ms, said.epoch], ['guarded', 2_000, 200, 1])
  assert.ok(said.uncertainty_ms! >= 1)
  assert.ok(Math.abs(said.offset_ms! - 5_000) <= said.uncertainty_ms!, `${said.offset_ms} ± ${said.uncertainty_ms}`)
  assert.equal(said.point, identity.guard.point)
})

test('one acknowledgement is on its way at a time, and it covers all before it', async t => {
  const { feed, bob } = await feedStage(t)
  const { identity } = await bob()
  await standing(identity, 'fresh')
  for (let i = 0; i < 50; i++) await feed.kill('agent', `spiffe://example.org/x${i}`)
  const last = await feed.acknowledged(51)
  assert.equal(last.feedId, 'feed-1')
  const epochs = feed.acks.map(({ epoch }) => epoch)
  assert.deepEqual(
    epochs,
    [...epochs].sort((a, b) => a - b),
  )
})

test('what could not be acknowledged is, later', async t => {
  const { feed, bob, id, client } = await feedStage(t)
  const { port, identity } = await bob()
  await first(client(port, 'alice'), GET)
  await standing(identity, 'fresh')
  feed.refusal = { status: 503, code: 'store_unavailable' }
  const epoch = await feed.kill('agent', id('alice'))
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.ok(!feed.acks.some(ack => ack.epoch === epoch))
  feed.refusal = null
  assert.equal((await feed.acknowledged(epoch)).cut, 1)
})

test('a line that nobody has certified is not believed, and costs the connection', async t => {
  const { feed, bob } = await feedStage(t)
  const { identity } = await bob({}, CALM)
  await standing(identity, 'fresh')
  feed.forge()
  const [{ error }] = await once(identity, 'liveness')
  assert.equal(identity.guard.epoch, 1)
  assert.match(error.cause?.code ?? error.code, /^jws_/)
})

test('a feed that fell back is reported, and pardons nobody', async t => {
  const { feed, bob, id, client } = await feedStage(t)
  const { port, identity } = await bob()
  await standing(identity, 'fresh')
  await feed.acknowledged(await feed.kill('agent', id('alice')))
  feed.forget('feed-2')
  const { regressed } = await feed.until(() => feed.enrolments.find(each => each.regressed !== undefined))
  assert.match(regressed!, /feed-1.*feed-2/)
  await standing(identity, 'fresh')
  assert.match(await first(client(port, 'alice'), GET), /peer_dead/)
})

test('a new certificate is used on a new connection before the old one is left', async t => {
  const { feed, bob } = await feedStage(t)
  const { identity } = await bob({}, CALM)
  await standing(identity, 'fresh')
  const turns: string[] = []
  identity.on('liveness', ({ standing }) => turns.push(standing))
  await identity.renew()
  await feed.until(() => (feed.asked.length >= 2 ? true : undefined))
  while (feed.readers !== 1) await new Promise(resolve => setTimeout(resolve, 1))
  assert.deepEqual(turns, [])
})

test('who serves is found, until it closes', async t => {
  const { feed, identity, bob, id } = await feedStage(t)
  const service = await bob()
  await feed.until(() => (feed.services.size > 0 ? true : undefined))
  const alice = await identity('alice', false)
  assert.deepEqual(await alice.find(id('bob')), [service.url])
  await service.close()
  assert.deepEqual(await alice.find(id('bob')), [])
  const quiet = await bob({ announce: false })
  const elsewhere = await bob({ announce: 'https://bob.example:8443' })
  await feed.until(() => (feed.services.size > 0 ? true : undefined))
  assert.deepEqual([...feed.services.keys()], ['https://bob.example:8443'])
  await Promise.all([quiet.close(), elsewhere.close()])
})

test('a beginning that comes slowly is waited for as long as it comes', async t => {
  const { feed, bob } = await feedStage(t)
  feed.dripMs = 300
  const { identity } = await bob()
  await standing(identity, 'fresh')
  assert.ok(
    feed.asked.slice(1).every(query => query.startsWith('?since=')),
    `${feed.asked}`,
  )
})
