import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { activatePolicies, exclusive, exclusiveAll, rollBackPolicies, savePolicies } from '@lanyard/authority'
import type { Bus } from '../bus/bus.ts'
import { inProcessBus } from '../bus/in-process.ts'
import { postgresBus } from '../bus/postgres.ts'
import { MemoryKeys } from '../keys/memory.ts'
import { openPostgresStore } from '../store/postgres/open.ts'
import { pipelineOn } from '../testing/pipeline.ts'
import { type PostgresServer, startPostgres } from '../testing/postgres.ts'
import { RunningPolicies } from './desk.ts'

const clock = { now: () => Date.now() }
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const NO_LISTS = 'permit (principal, action, resource) unless { action == Lanyard::Action::"listAgents" };'
const QUESTION = {
  principal: { type: 'ApiKey', id: 'k1' },
  action: 'listAgents',
  resource: { type: 'Tenant', id: 'acme' },
  tenant: 'acme',
  context: {},
  entities: [],
}

let server: PostgresServer
before(async () => {
  server = await startPostgres()
})
after(() => server.stop())

/** An instance with its turns in the hand of the test. */
async function instanceOn(url: string, keys: MemoryKeys, bus: Bus) {
  const open = await openPostgresStore({ url, trustDomain: 'example.test', instance: randomUUID(), clock })
  const pipeline = await pipelineOn(open, clock, keys)
  const turns: (() => Promise<void>)[] = []
  const policies = await RunningPolicies.start({
    ...{ watch: open.watch, rows: pipeline.rows, bus, clock, log: quiet, epoch: () => 0, pollMs: 200, timeoutMs: 1000 },
    timers: {
      every(_, task) {
        turns.push(task)
        return () => {}
      },
    },
  })
  const close = async () => {
    policies.stop()
    await bus.close()
    await pipeline.close()
  }
  return { ...pipeline, policies, turns, close }
}

type Instance = Awaited<ReturnType<typeof instanceOn>>

const activate = ({ store, rows, act }: Instance) =>
  store.write(function* () {
    const input = { tenant: 'acme', policies: NO_LISTS, schema: '', entities: [], comment: '' }
    const { version } = yield* savePolicies(rows, input, act())
    return yield* activatePolicies(rows, 'acme', version, act())
  }, exclusive('acme'))

const allowedBy = ({ policies }: Instance) => policies.decide(QUESTION).allowed
const nextChange = ({ policies }: Instance) =>
  new Promise<void>(resolve => {
    const end = policies.onChange(() => {
      end()
      resolve()
    })
  })

/** Waits until so many buses hear what the database tells: nothing is kept for those that listen only later. */
async function listening(url: string, buses: number): Promise<void> {
  const sql = `select from pg_stat_activity where datname = current_database() and application_name = 'lanyard bus'
    and state = 'idle' and query <> ''`
  while ((await server.admin(sql, new URL(url).pathname.slice(1))).length < buses);
}

test('what one instance activates decides at the other as soon as the database tells it', async t => {
  const url = await server.createDatabase()
  const keys = new MemoryKeys()
  const one = await instanceOn(url, keys, postgresBus(url, quiet))
  t.after(one.close)
  const two = await instanceOn(url, keys, postgresBus(url, quiet))
  t.after(two.close)
  await one.tenant('acme')
  await listening(url, 2)
  const changed = nextChange(two)
  await activate(one)
  // Nobody told: the commit did.
  await changed
  assert.equal(allowedBy(two), false)
  const again = nextChange(two)
  await one.store.write(() => rollBackPolicies(one.rows, 'acme', 1, one.act()), exclusiveAll)
  await again
  assert.equal(allowedBy(two), true)
})

test('where nothing is told, the next turn finds it', async t => {
  const url = await server.createDatabase()
  const keys = new MemoryKeys()
  const one = await instanceOn(url, keys, inProcessBus())
  t.after(one.close)
  const two = await instanceOn(url, keys, inProcessBus())
  t.after(two.close)
  await one.tenant('acme')
  await activate(one)
  assert.equal(allowedBy(two), true)
  for (const turn of two.turns) await turn()
  assert.equal(allowedBy(two), false)
})

test('of many that are activated at once exactly one decides, and every number is given once', async t => {
  const url = await server.createDatabase()
  const keys = new MemoryKeys()
  const one = await instanceOn(url, keys, inProcessBus())
  t.after(one.close)
  const two = await instanceOn(url, keys, inProcessBus())
  t.after(two.close)
  await one.tenant('acme')
  const made = await Promise.all([one, two, one, two, one, two].map(activate))
  assert.deepEqual(made.map(({ version }) => version).toSorted(), [1, 2, 3, 4, 5, 6])
  const { items } = await one.store.read(() => one.rows.policies.list('acme', { limit: 9, after: null }))
  assert.deepEqual(items.filter(({ state }) => state === 'active').length, 1)
  assert.deepEqual(items.filter(({ state }) => state === 'retired').length, 5)
})
