import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type DeathState, exclusiveAll, shared } from '@lanyard/authority'
import pg from 'pg'
import { startPostgres } from '../../testing/postgres.ts'
import type { OpenStore } from '../ports.ts'
import { EPOCH_CHANNEL } from '../rows/epoch.ts'
import { certificate, event, idOf, incident, lineage, NOW, populate } from '../suite/samples.ts'
import { openPostgresStore } from './open.ts'

const server = await startPostgres()
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

/** Two instances on one database, which has the samples. */
async function twoOf(t: TestContext): Promise<{ url: string; both: readonly [OpenStore, OpenStore] }> {
  const url = await server.createDatabase()
  const open = () =>
    openPostgresStore({ url, trustDomain: 'example.org', instance: randomUUID(), clock: { now: () => NOW } })
  const both = [await open(), await open()] as const
  t.after(() => Promise.all(both.map(store => store.close())))
  await populate(both[0])
  return { url, both }
}

/** What each of both does so often, all at once. */
const atOnce = <T>(both: readonly OpenStore[], count: number, body: (open: OpenStore, number: number) => Promise<T>) =>
  Promise.all(both.flatMap(open => numbers(count).map(number => body(open, number))))

test('two instances see each other, and what the other wrote', async t => {
  const { both } = await twoOf(t)
  const [one, two] = both
  const listed = await two.store.read(() => two.rows.instances.list())
  assert.deepEqual(listed.map(({ instance }) => instance).sort(), [one.instance, two.instance].sort())
  await one.store.write(() => one.rows.lineages.endAllOf('acme'), shared('acme'))
  assert.equal((await two.store.read(() => two.rows.lineages.subject(idOf(1))))?.lineage.standing, 'ended')
})

test('a step of an incident is claimed by one of all', async t => {
  const { both } = await twoOf(t)
  await both[0].store.urgent(() => both[0].rows.incidents.insert(incident(), ['snapshot']), shared('acme'))
  const claims = await atOnce(both, 20, ({ store, rows, instance }) =>
    store.write(() => rows.incidents.claim('incident-1', 'snapshot', instance, NOW, NOW + 5), shared('acme')),
  )
  assert.equal(claims.filter(Boolean).length, 1)
  const ends = await atOnce(both, 20, ({ store, rows, instance }) =>
    store.write(() => rows.incidents.finish('incident-1', 'snapshot', instance, NOW, {}), shared('acme')),
  )
  assert.equal(ends.filter(Boolean).length, 1)
})

test('a lineage that is claimed changes under nobody', async t => {
  const { both } = await twoOf(t)
  await atOnce(both, 25, ({ store, rows }) =>
    store.write(function* () {
      const { generation, standing } = (yield* rows.lineages.claim(idOf(1)))!.lineage
      yield* rows.lineages.change(idOf(1), { generation: generation + 1, standing, newestKey: null })
    }, shared('acme')),
  )
  const subject = await both[1].store.read(() => both[1].rows.lineages.subject(idOf(1)))
  assert.deepEqual(subject?.lineage, lineage({ generation: 50 }))
})

test('no epoch is given twice, and a death keeps the greatest that anyone wrote', async t => {
  const { both } = await twoOf(t)
  const death: Omit<DeathState, 'epoch' | 'at'> = { kind: 'agent', value: 'x', through: 1, reborn: 0, until: null }
  const epochs = await atOnce(both, 25, ({ store, rows }, number) =>
    store.urgent(function* () {
      const epoch = yield* rows.epoch.bump()
      yield* rows.deaths.put([{ ...death, through: number, epoch, at: NOW + epoch }])
      return epoch
    }, shared('acme')),
  )
  assert.deepEqual(
    epochs.toSorted((a, b) => a - b),
    numbers(50),
  )
  const found = await both[0].store.read(() => both[0].rows.deaths.find('agent', 'x'))
  assert.deepEqual(found, { ...death, through: 25, epoch: 50, at: NOW + 50 })
})

test('an epoch is told to whoever listens, once it is committed', async t => {
  const { url, both } = await twoOf(t)
  const listener = new pg.Client({ connectionString: url })
  await listener.connect()
  const heard = Promise.withResolvers<string>()
  listener.on('notification', ({ payload }) => heard.resolve(payload ?? ''))
  await listener.query(`listen ${EPOCH_CHANNEL}`)
  const { store, rows } = both[0]
  const refused = store.urgent(function* () {
    yield* rows.epoch.bump()
    throw new Error('refused by a test')
  }, exclusiveAll)
  await assert.rejects(refused)
  const epoch = await store.urgent(() => rows.epoch.bump(), exclusiveAll)
  assert.equal(await heard.promise, String(epoch))
  await listener.end()
})

test('two instances prune the same chains at once and leave them whole', async t => {
  const { both } = await twoOf(t)
  await atOnce(both, 230, ({ store, rows, instance }, number) =>
    store.write(function* () {
      const serial = idOf(number + (instance === both[0].instance ? 0x1000 : 0x2000))
      yield* rows.certificates.insert(certificate(number, { serial }))
      yield* rows.events.append(event())
    }, shared('acme')),
  )
  const later = NOW + 400_000
  const retention = { certificatesMs: 0, eventsMs: 0, nodesMs: 0 }
  const pruned = await Promise.all(both.map(open => open.prune(later, retention)))
  assert.equal(
    pruned.reduce((sum, { certificates }) => sum + certificates, 0),
    460,
  )
  for (const { instance } of both)
    for (const chain of ['audit', 'issuance'] as const) {
      const { from, to } = await both[0].verifyChain(instance, chain)
      assert.deepEqual([from, to], [231, 230])
    }
})
