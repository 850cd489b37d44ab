import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { shared } from '@lanyard/authority'
import { startPostgres } from '../../testing/postgres.ts'
import { event, NOW, tenant } from '../suite/samples.ts'
import { openPostgresStore } from './open.ts'

const clock = { now: () => NOW }
const server = await startPostgres()

const open = (url: string, settings: { instance?: string; trustDomain?: string } = {}) =>
  openPostgresStore({ url, trustDomain: 'example.org', instance: randomUUID(), clock, ...settings })

const nameOf = (url: string) => url.split('/').at(-1)!

/** Runs SQL among our tables, as their owner could not have. */
const tamper = (url: string, sql: string) => server.admin(`set search_path = lanyard; ${sql}`, nameOf(url))

const refused = (code: string, url: string, settings?: Parameters<typeof open>[1]) =>
  assert.rejects(open(url, settings), { code })

test('two instances share what is stored and nothing else', async t => {
  const url = await server.createDatabase()
  const [a, b] = await Promise.all([open(url), open(url)])
  t.after(() => Promise.all([a.close(), b.close()]))
  await a.store.write(function* () {
    yield* a.rows.tenants.insert(tenant())
    yield* a.rows.events.append(event())
  }, shared('acme'))
  await b.store.urgent(() => b.rows.events.append(event()), shared('acme'))
  assert.deepEqual(await b.store.read(() => b.rows.tenants.find('acme')), tenant())
  const { items } = await b.store.read(() => b.rows.events.list({}, { limit: 10, after: null }))
  assert.deepEqual(new Set(items.map(({ instance }) => instance)), new Set([a.writers[0], b.writers[1]]))
  for (const writer of [...a.writers, ...b.writers]) await a.verifyChain(writer, 'audit')
  const instances = await a.store.read(() => a.rows.instances.list())
  assert.deepEqual(new Set(instances.map(({ instance }) => instance)), new Set([a.instance, b.instance]))
})

test('an instance finds its chains again', async () => {
  const url = await server.createDatabase()
  const instance = randomUUID()
  const first = await open(url, { instance })
  await first.store.urgent(() => first.rows.events.append(event()), shared())
  await first.close()
  const again = await open(url, { instance })
  assert.deepEqual(again.writers, first.writers)
  await again.store.urgent(() => again.rows.events.append(event()), shared())
  assert.equal((await again.verifyChain(again.writers[1]!, 'audit')).to, 2)
  await again.close()
})

test('no two processes are the same instance', async t => {
  const url = await server.createDatabase()
  const instance = randomUUID()
  const first = await open(url, { instance })
  t.after(() => first.close())
  await refused('data_in_use', url, { instance })
  await first.store.write(() => first.rows.events.append(event()), shared())
})

test('a store of a newer version or of another trust domain is refused and left as it was', async () => {
  const url = await server.createDatabase()
  await (await open(url)).close()
  await refused('store_foreign', url, { trustDomain: 'example.com' })
  await tamper(url, "insert into migrations (id, name, at) values (99, 'to come', 0)")
  await refused('store_newer', url)
  const instances = await tamper(url, 'select count(*)::int as count from instances')
  assert.deepEqual(instances, [{ count: 2 }])
})

test('what is no store of ours is refused, and what lies beside ours is left alone', async () => {
  const damaged = await server.createDatabase()
  await server.admin('create schema lanyard; create table lanyard.events (x int)', nameOf(damaged))
  await refused('store_damaged', damaged)
  const gone = await server.createDatabase()
  await (await open(gone)).close()
  await tamper(gone, 'drop table chain_anchors cascade')
  await refused('store_damaged', gone)
  const beside = await server.createDatabase()
  await server.admin('create table public.events (x int); create table public.migrations (y int)', nameOf(beside))
  await (await open(beside)).close()
  assert.deepEqual(await server.admin('select * from public.events', nameOf(beside)), [])
})

test('lists go by bytes, whatever language the database was made for', async t => {
  await server.admin(
    "create database of_english template template0 locale_provider icu icu_locale 'en-US' owner lanyard",
  )
  const store = await open(server.adminUrl('of_english').replace('postgres@', 'lanyard@'))
  t.after(() => store.close())
  for (const name of ['a.b', 'a-b', 'ab', 'a_b', '0a'])
    await store.store.write(() => store.rows.tenants.insert(tenant({ tenant: name })), shared())
  const { items } = await store.store.read(() => store.rows.tenants.list({}, { limit: 10, after: null }))
  assert.deepEqual(
    items.map(item => item.tenant),
    ['0a', 'a-b', 'a.b', 'a_b', 'ab'],
  )
})

test('a database that would lose what it acknowledged is refused', async () => {
  for (const setting of ['synchronous_commit']) {
    const url = await server.createDatabase()
    await server.admin(`alter database ${nameOf(url)} set ${setting} = off`)
    await refused('store_not_durable', url)
  }
  for (const options of [{ fsync: false }, { settings: { full_page_writes: 'off' } }]) {
    const careless = await startPostgres(options)
    try {
      await refused('store_not_durable', await careless.createDatabase())
    } finally {
      await careless.remove()
    }
  }
})

test('a replica is refused, and the primary that it becomes is not', async () => {
  const own = await startPostgres({})
  try {
    const url = await own.createDatabase()
    await (await open(url)).close()
    await own.demote()
    await refused('store_replica', url)
    await own.promote()
    await (await open(url)).close()
  } finally {
    await own.remove()
  }
})

test('whoever may not log in is told what the database said', async () => {
  const url = await server.createDatabase()
  const database = nameOf(url)
  for (const [wrong, said] of [
    [url.replace(database, 'elsewhere'), /database elsewhere at .*"elsewhere" does not exist \(SQLSTATE 3D000\)/],
    [url.replace('lanyard', 'mallory'), /as mallory, got: .*"mallory" does not exist \(SQLSTATE 28000\)/],
  ] as const)
    await assert.rejects(open(wrong), { code: 'store_unavailable', message: said })
})

test('a database that is not there is said to be unavailable, without its password', async () => {
  const url = 'postgres://lanyard:hunter2@127.0.0.1:1/lanyard'
  await assert.rejects(open(url), error => {
    assert.equal((error as { code?: string }).code, 'store_unavailable')
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      assert.doesNotMatch(`${cause.message} ${JSON.stringify(cause)}`, /hunter2/)
    assert.match(String(error), /database lanyard at 127\.0\.0\.1:1 as lanyard, got: .*ECONNREFUSED/)
    return true
  })
  await refused('config_invalid', 'postgres://lanyard:hunter2@[::1/lanyard')
})
