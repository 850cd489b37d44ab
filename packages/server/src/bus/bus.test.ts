import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@redis/client'
import { startPostgres, startRedis } from '../testing/index.ts'
import { allBuses } from './all.ts'
import { busSuite } from './bus.suite.ts'
import { readEpoch } from './bus.ts'
import { inProcessBus } from './in-process.ts'
import { openBus } from './index.ts'
import { postgresBus } from './postgres.ts'
import { REDIS_CHANNEL, redisBus } from './redis.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const trustDomain = 'example.org'

const inProcess = async () => {
  const bus = inProcessBus()
  return { instance: () => bus, tell: (epoch: number) => bus.publish(epoch), close: () => bus.close() }
}
busSuite('in process', inProcess, ['babble', 'outage'])

busSuite('PostgreSQL', async () => {
  const server = await startPostgres({})
  const url = await server.createDatabase()
  const database = new URL(url).pathname.slice(1)
  const notify = async (channel: string, message: string) => {
    const text = message.replaceAll("'", "''").replaceAll('\u0000', '')
    await server.admin(`select pg_notify('${channel}', '${text}')`, database)
  }
  return {
    instance: () => postgresBus(url, log),
    tell: epoch => notify('lanyard_kill_switch', `${epoch}`),
    async babble(message) {
      await notify('lanyard_kill_switch', message)
      await notify('another', '12345')
    },
    outage: { begin: () => server.stop('crash'), end: () => server.start() },
    close: () => server.remove(),
  }
})

busSuite('Redis', async () => {
  const server = await startRedis()
  const teller = redisBus({ url: server.url, trustDomain, log })
  return {
    instance: () => redisBus({ url: server.url, trustDomain, log }),
    tell: epoch => teller.publish(epoch),
    async babble(message) {
      const client = await createClient({ url: server.url }).connect()
      await client.publish(REDIS_CHANNEL, message)
      await client.publish(REDIS_CHANNEL, `${trustDomain} ${message}`)
      await client.publish(REDIS_CHANNEL, '12345')
      await client.publish(REDIS_CHANNEL, 'example.com 12345')
      await client.close()
    },
    outage: { begin: () => server.stop(), end: () => server.start() },
    async close() {
      await teller.close()
      await server.remove()
    },
  }
})

const bothAtOnce = async () => {
  const [postgres, redis] = [await startPostgres({}), await startRedis()]
  const options = { trustDomain, postgres: await postgres.createDatabase(), redis: redis.url, log }
  const teller = openBus(options)
  return {
    instance: () => openBus({ ...options, postgres: null }),
    tell: (epoch: number) => teller.publish(epoch),
    outage: {
      begin: async () => void (await Promise.all([redis.stop(), postgres.stop()])),
      end: async () => void (await Promise.all([redis.start(), postgres.start()])),
    },
    async close() {
      await teller.close()
      await Promise.all([postgres.remove(), redis.remove()])
    },
  }
}
busSuite('both at once', bothAtOnce, ['babble'])

test('what one of several buses carries is heard, whatever the others do', async () => {
  const [one, other] = [inProcessBus(), inProcessBus()]
  const heard: number[] = []
  const end = allBuses([one, other]).subscribe(epoch => heard.push(epoch))
  await one.publish(1)
  await other.publish(2)
  end()
  await one.publish(3)
  assert.deepEqual(heard, [1, 2])
})

test('an epoch is a whole number, and nothing else', () => {
  assert.deepEqual(['0', '12', '9007199254740991'].map(readEpoch), [0, 12, 9_007_199_254_740_991])
  for (const text of ['', '-1', '1.0', '9007199254740993', '1 ', '0x1', '１']) assert.equal(readEpoch(text), null, text)
})

test('an address that cannot be used is refused without being quoted', () => {
  for (const redis of ['http://x:secret@y', 'secret', 'redis://x:secret@y:port'])
    assert.throws(
      () => openBus({ trustDomain, postgres: null, redis, log }),
      (error: Error & { code?: string }) => error.code === 'config_invalid' && !error.message.includes('secret'),
      redis,
    )
})
