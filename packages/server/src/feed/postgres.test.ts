import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ApiKeyCaller, createApiKey, deleteApiKey, exclusiveAll, findApiKey, newApiKey } from '@lanyard/authority'
import { parseIpAddress, TrustDomain } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { postgresBus } from '../bus/postgres.ts'
import { Authorities } from '../instance/authorities.ts'
import { newStoredKeys } from '../instance/world.suite.ts'
import { openPostgresStore } from '../store/postgres/open.ts'
import { type PostgresServer, startPostgres } from '../testing/postgres.ts'
import { RunningFeed } from './feed.ts'

const trustDomain = 'example.org'
const clock = { now: () => Date.now() }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const log = { debug() {}, info() {}, warn() {}, error() {} }

/** What an instance has of a feed: it looks when it is told to, by the database alone. */
async function openInstance(url: string, keys = newStoredKeys()) {
  const instance = randomUUID()
  const { store, watch, rows, close } = await openPostgresStore({ url, trustDomain, instance, clock })
  const wanted = {
    ...({ instance, algorithm: 'P-256', dnsSuffixes: [] } as const),
    trustDomain: TrustDomain.parse(trustDomain),
    serverNames: { dns: ['localhost'], ips: [parseIpAddress('127.0.0.1')!] },
  }
  const authorities = await Authorities.open(wanted, {}, { store, rows, keys, crypto: nodeCrypto, clock, dice, log })
  const feed = await RunningFeed.start({
    ...{ store, watch, rows, instance, clock, log },
    bus: postgresBus(url, log),
    crypto: nodeCrypto,
    timers: { every: () => () => {} },
    template: '/tenant/{tenant}/agent/{agent}',
    signer: () => authorities.feedSigner(),
    heartbeatMs: 1000,
    pollMs: 200,
  })
  const epochs: number[] = []
  let waiting: (() => void)[] = []
  feed.onEpoch(epoch => {
    epochs.push(epoch)
    for (const wake of waiting.splice(0)) wake()
  })
  return {
    store,
    rows,
    feed,
    async until(epoch: number) {
      while (!epochs.some(seen => seen >= epoch)) await new Promise<void>(resolve => waiting.push(resolve))
      waiting = []
    },
    async close() {
      await feed.stop()
      await close()
    },
  }
}

type Instance = Awaited<ReturnType<typeof openInstance>>

const die = ({ store, rows }: Instance, value: string): Promise<number> =>
  store.urgent(function* () {
    const epoch = yield* rows.epoch.bump()
    yield* rows.deaths.put([{ kind: 'lineage', value, through: 1, reborn: 0, epoch, at: clock.now(), until: null }])
    return epoch
  }, exclusiveAll)

/** An API key that is put in at one instance, as a caller. */
async function keyAt({ store, rows }: Instance): Promise<ApiKeyCaller> {
  const fresh = newApiKey(dice, nodeCrypto)
  const act = { caller: 'server', at: clock.now(), source: null, correlation: null } as const
  await store.write(() => createApiKey(rows, { name: 'k', role: 'admin' }, fresh, act), exclusiveAll)
  const { state, permissions } = (await store.read(() => findApiKey(rows, fresh.id)))!
  return { ...state, kind: 'api-key', permissions }
}

const isDead = ({ feed }: Instance, lineage: string): boolean =>
  feed.deaths.judge({ id: 'x', tenant: null, incarnation: 1, lineage, keyThumbprint: 'x', issuerKeyId: null }) !==
  'alive'

describe('two instances on one PostgreSQL', () => {
  let server: PostgresServer
  let one: Instance
  let other: Instance
  before(async () => {
    server = await startPostgres({ settings: { restore_command: 'false' } })
    const url = await server.createDatabase()
    const keys = newStoredKeys()
    one = await openInstance(url, keys)
    other = await openInstance(url, keys)
  })
  after(async () => {
    await Promise.all([one?.close(), other?.close()])
    await server?.remove()
  })

  test('tell the same feed', () => {
    assert.match(one.feed.feedId, /^[A-Za-z0-9_-]{22}$/)
    assert.equal(other.feed.feedId, one.feed.feedId)
  })

  test('hear of what the other committed without being told by it, and without looking by themselves', async () => {
    // The connection that listens may still be under way: nothing is kept for it.
    let epoch = await die(one, 'first')
    const heard = other.until(epoch)
    for (let there = false; !there; ) {
      void heard.then(() => {
        there = true
      })
      epoch = await die(one, `again ${epoch}`)
      await other.store.read(() => other.rows.epoch.current())
    }
    const last = await die(one, 'last')
    await other.until(last)
    assert.equal(isDead(other, 'last'), true)
    assert.equal(isDead(other, 'none'), false)
  })

  test('cut what an API key follows at the one when it is deleted at the other', async () => {
    const [admin, thief] = [await keyAt(one), await keyAt(one)]
    const streaming = await other.feed.follow(null, thief)
    const ended = new Promise<void>(resolve => {
      streaming({ write: () => true, onDrain() {}, end: resolve, cut() {} })
    })
    const act = { caller: admin, at: clock.now(), source: null, correlation: null }
    await one.store.urgent(() => deleteApiKey(one.rows, thief.id, nodeCrypto, act), exclusiveAll)
    // It would look by itself soon, and hears of it sooner.
    await other.feed.glance()
    await ended
  })

  test('are silent on a replica, and tell another feed once it was promoted', async () => {
    const { feedId } = one.feed
    const folder = decodeURIComponent(new URL(server.adminUrl()).hostname)
    await server.stop()
    writeFileSync(join(folder, 'data', 'standby.signal'), '')
    await server.start()
    const { asOf } = one.feed.stats
    await one.feed.glance()
    assert.equal(one.feed.stats.asOf, asOf)
    await server.admin('select pg_promote()')
    while (one.feed.stats.asOf === asOf) await one.feed.glance()
    assert.notEqual(one.feed.feedId, feedId)
    await other.feed.glance()
    assert.equal(other.feed.feedId, one.feed.feedId)
    assert.equal(isDead(one, 'last'), true)
  })
})

test('a database that is a copy of another has another feed', async () => {
  const server = await startPostgres({})
  const url = await server.createDatabase()
  const keys = newStoredKeys()
  const one = await openInstance(url, keys)
  const { feedId } = one.feed
  await one.close()
  const copy = await openInstance(await server.createDatabase({ template: new URL(url).pathname.slice(1) }), keys)
  assert.notEqual(copy.feed.feedId, feedId)
  await copy.close()
  await server.remove()
})
