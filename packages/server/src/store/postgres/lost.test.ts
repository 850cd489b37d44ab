import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { exclusive, shared } from '@lanyard/authority'
import { startPostgres } from '../../testing/postgres.ts'
import { fastFolder } from '../../testing/programs.ts'
import type { OpenStore } from '../ports.ts'
import { event, NOW, tenant } from '../suite/samples.ts'
import { gather, lockSql } from './locks.ts'
import { openPostgresStore } from './open.ts'
import { Session } from './session.ts'

const server = await startPostgres()
const open = (url: string) =>
  openPostgresStore({ url, trustDomain: 'example.org', instance: randomUUID(), clock: { now: () => NOW } })

const append = ({ store, rows }: OpenStore, correlation: string) =>
  store.write(() => rows.events.append(event({ correlation })), shared('acme'))

async function correlations({ store, rows }: OpenStore): Promise<string[]> {
  const found: string[] = []
  let after: string | null = null
  do {
    const page: Awaited<ReturnType<typeof read>> = await read(after)
    found.push(...page.items.map(item => item.correlation!))
    after = page.next
  } while (after !== null)
  return found

  function read(from: string | null) {
    return store.read(() => rows.events.list({}, { limit: 500, after: from }))
  }
}

/** Whether a call is refused since the database is away; throws for any other reason. */
const isRefused = (call: Promise<unknown>) =>
  call.then(
    () => false,
    error => {
      assert.equal(error.code, 'store_unavailable')
      return true
    },
  )

/** Tells a session that it is over, as an administrator or a restart does. */
const terminate = (url: string) =>
  server.admin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${url.split('/').at(-1)}'`)

/** Between a store and its database: it may lose what a commit is answered, or the commit itself. */
interface Wire {
  readonly url: string
  /** Cuts the connection at the next commit: `before` it gets to the database, or `after`, with its answer lost. */
  cutAtCommit(when: 'before' | 'after'): void
}

async function wire(t: TestContext, url: string): Promise<Wire> {
  const folder = fastFolder('wire')
  const { username, hostname, pathname } = new URL(url)
  const target = join(decodeURIComponent(hostname), '.s.PGSQL.5432')
  const sockets = new Set<Socket>()
  let cut: 'before' | 'after' | null = null
  const made: Wire = {
    url: `postgres://${username}@${encodeURIComponent(folder)}${pathname}`,
    cutAtCommit: when => {
      cut = when
    },
  }
  const relay = createServer(client => {
    const database = connect(target)
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    let held = false
    client.on('close', () => held || database.destroy())
    database.on('close', () => client.destroy())
    let answered = true
    client.on('data', data => {
      const when = data.includes('commit') ? cut : null
      if (when !== null) cut = null
      if (when === 'before') {
        // As when a network breaks: the database does not hear of it, and its session goes on.
        held = true
        client.destroy()
      } else database.write(data)
      if (when === 'after') answered = false
    })
    database.on('data', data => {
      if (answered) client.write(data)
      else client.destroy()
    })
  })
  await new Promise<void>(resolve => relay.listen(join(folder, '.s.PGSQL.5432'), resolve))
  t.after(() => {
    relay.close()
    for (const socket of sockets) socket.destroy()
    rmSync(folder, { recursive: true })
  })
  return made
}

for (const how of ['fast', 'crash'] as const)
  test(`a restart of the database (${how}) in the middle loses nothing that was acknowledged`, async t => {
    const own = await startPostgres({})
    t.after(() => own.remove())
    const store = await open(await own.createDatabase())
    t.after(() => store.close())
    const kept: string[] = []
    let stop = false
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; !stop; n++) {
        const name = `${writer}/${n}`
        if (await isRefused(append(store, name))) await new Promise(resolve => setTimeout(resolve, 5))
        else kept.push(name)
      }
    })
    const moreKept = async () => {
      const before = kept.length
      while (kept.length < before + 50) await new Promise(resolve => setTimeout(resolve, 5))
    }
    await moreKept()
    await own.restart(how)
    await moreKept()
    stop = true
    await Promise.all(writers)
    const stored = await correlations(store)
    assert.equal(new Set(stored).size, stored.length, 'nothing is stored twice')
    for (const name of kept) assert.ok(stored.includes(name), `${name} was acknowledged and is gone`)
    await store.verifyChain(store.instance, 'audit')
  })

test('sessions that are ended again and again cost nothing but time', async t => {
  const url = await server.createDatabase()
  const store = await open(url)
  t.after(() => store.close())
  const names = Array.from({ length: 400 }, (_, number) => `${number}`)
  const results: PromiseSettledResult<void>[] = []
  for (let from = 0; from < names.length; from += 20) {
    const appending = Promise.allSettled(names.slice(from, from + 20).map(name => append(store, name)))
    if (from % 100 === 60) await terminate(url)
    results.push(...(await appending))
  }
  const kept = names.filter((_, index) => results[index]!.status === 'fulfilled')
  assert.ok(kept.length > 200)
  const stored = new Set(await correlations(store))
  for (const name of kept) assert.ok(stored.has(name))
  await store.verifyChain(store.instance, 'audit')
})

test('a commit whose answer is lost is found again, and one that never arrived is made again', async t => {
  const relay = await wire(t, await server.createDatabase())
  const store = await open(relay.url)
  t.after(() => store.close())
  await append(store, 'first')
  relay.cutAtCommit('after')
  await append(store, 'its answer is lost')
  relay.cutAtCommit('before')
  await append(store, 'it never arrived')
  await append(store, 'last')
  assert.deepEqual((await correlations(store)).toSorted(), ['first', 'it never arrived', 'its answer is lost', 'last'])
  assert.equal((await store.verifyChain(store.instance, 'audit')).to, 4)
})

test('a commit that left no row in a chain is said to be unknown', async t => {
  const relay = await wire(t, await server.createDatabase())
  const store = await open(relay.url)
  t.after(() => store.close())
  relay.cutAtCommit('after')
  const writing = store.store.write(() => store.rows.tenants.insert(tenant()), exclusive('acme'))
  await assert.rejects(writing, { code: 'store_unavailable', message: /may have been stored, or not/ })
  assert.ok(await store.store.read(() => store.rows.tenants.find('acme')))
})

test('a database that is away refuses each call, and is used again when it is back', async t => {
  const own = await startPostgres({})
  t.after(() => own.remove())
  const store = await open(await own.createDatabase())
  t.after(() => store.close())
  await append(store, 'before')
  await own.stop()
  for (let n = 0; n < 3; n++) {
    await assert.rejects(append(store, 'meanwhile'), { code: 'store_unavailable' })
    await assert.rejects(correlations(store), { code: 'store_unavailable' })
    await assert.rejects(
      store.store.urgent(() => store.rows.events.append(event()), shared()),
      { code: 'store_unavailable' },
    )
  }
  await own.start()
  // Shortly after an attempt that failed none is made.
  while (await isRefused(append(store, 'after'))) await new Promise(resolve => setTimeout(resolve, 10))
  assert.deepEqual((await correlations(store)).toSorted(), ['after', 'before'])
})

test('an instance that stops in a transaction holds up a kill for a second, and has lost it then', async t => {
  const url = await server.createDatabase()
  const store = await open(url)
  const stopped = await Session.connect(url)
  t.after(() => Promise.all([store.close(), stopped.close()]))
  await stopped.run(['begin', ...lockSql(gather([shared('acme')]), 'example.org')].join(';'))
  const began = performance.now()
  await store.store.urgent(() => store.rows.tenants.insert(tenant()), exclusive('acme'))
  const waited = performance.now() - began
  assert.ok(waited > 500, `${waited} ms`)
  await assert.rejects(stopped.run('commit'))
})

test('certificates of one tenant wait for no kill of another', async t => {
  const url = await server.createDatabase()
  const store = await open(url)
  const killing = await Session.connect(url)
  t.after(() => Promise.all([store.close(), killing.close()]))
  await killing.run(['begin', ...lockSql(gather([exclusive('acme')]), 'example.org')].join(';'))
  await store.store.write(() => store.rows.events.append(event()), shared('globex'))
  const waiting = append(store, 'waits')
  await killing.run('rollback')
  await waiting
})
