import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { activatePolicies, exclusiveAll, type PolicyQuestion, savePolicies, shadowPolicies } from '@lanyard/authority'
import { inProcessBus } from '../bus/in-process.ts'
import { HandClock } from '../testing/http.ts'
import { openPipeline, type Pipeline } from '../testing/pipeline.ts'
import { RunningPolicies } from './desk.ts'

const ALL = 'permit (principal, action, resource);'
const NONE = 'forbid (principal, action, resource);'
const asking = (tenant: string | null): PolicyQuestion => ({
  principal: { type: 'ApiKey', id: 'k1' },
  action: 'listAgents',
  resource: { type: 'Tenant', id: 'acme' },
  tenant,
  context: {},
  entities: [],
})

describe('the policies of an instance', () => {
  const clock = new HandClock()
  let pipeline: Pipeline
  const logged: string[] = []
  const log = (_: object, message: string) => void logged.push(message)

  before(async () => {
    pipeline = await openPipeline(clock)
    await pipeline.tenant('acme')
    await pipeline.tenant('globex')
  })
  after(() => pipeline.close())

  /** A desk that looks when it is told to. */
  function open(parts: { read?: Pipeline['store']['read']; ticks?: () => number; suspended?: boolean } = {}) {
    const { read = step => pipeline.store.read(step), ...rest } = parts
    return RunningPolicies.start({
      ...{ watch: { read }, rows: pipeline.rows, bus: inProcessBus(), epoch: () => 0, clock, pollMs: 200 },
      ...{ timers: { every: () => () => {} }, log: { debug: log, info: log, warn: log, error: log }, timeoutMs: 100 },
      ...rest,
    })
  }

  /** A version that decides from now on, or is in the shadow. */
  async function put(tenant: string | null, policies: string, state: 'active' | 'shadow' = 'active'): Promise<number> {
    const { store, rows, act } = pipeline
    const input = { tenant, policies, schema: '', entities: [], comment: '' }
    return await store.write(function* () {
      const { version } = yield* savePolicies(rows, input, act())
      if (state === 'active') yield* activatePolicies(rows, tenant, version, act())
      else yield* shadowPolicies(rows, tenant, { version, on: true }, act())
      return version
    }, exclusiveAll)
  }

  const clear = () =>
    pipeline.store.write(function* () {
      const { policies } = pipeline.rows
      for (const { tenant, version } of yield* policies.inForce())
        yield* policies.update({ ...(yield* policies.find(tenant, version))!, state: 'retired' })
      yield* policies.bumpRevision()
    }, exclusiveAll)

  test('say nothing while there are none, and nothing about who they do not concern', async t => {
    await clear()
    const desk = await open()
    t.after(() => desk.stop())
    assert.deepEqual([desk.isIdle, desk.asks(null), desk.asks('acme')], [true, false, false])
    assert.equal(desk.decide(asking('acme')).allowed, true)
    const version = await put('acme', NONE)
    assert.equal(desk.asks('acme'), false, 'nobody has looked')
    await desk.look()
    assert.deepEqual(
      [desk.isIdle, desk.asks(null), desk.asks('acme'), desk.asks('globex')],
      [false, false, true, false],
    )
    assert.deepEqual(desk.decide(asking('acme')), { allowed: false, policies: [`acme@${version}:#1`], errors: [] })
    assert.equal(desk.decide(asking('globex')).allowed, true)
    assert.equal(desk.decide(asking(null)).allowed, true)
  })

  test('stay in force while the database cannot be read, and a look that succeeds tells of the change', async t => {
    await clear()
    await put(null, NONE)
    let fails = false
    const desk = await open({
      read: step => {
        if (fails) throw new LanyardError('store_unavailable', 'gone')
        return pipeline.store.read(step)
      },
    })
    t.after(() => desk.stop())
    let changes = 0
    const end = desk.onChange(() => changes++)
    const { revision, at } = desk.seen
    logged.length = 0
    fails = true
    await put(null, ALL)
    clock.advance(5)
    await desk.turn()
    await desk.turn()
    assert.deepEqual([desk.decide(asking(null)).allowed, changes, desk.seen.at, logged.length], [false, 0, at, 1])
    fails = false
    await desk.turn()
    assert.deepEqual([desk.decide(asking(null)).allowed, changes, logged.length], [true, 1, 2])
    assert.ok(desk.seen.revision > revision && desk.seen.at > at)
    await desk.turn()
    end()
    await put(null, NONE)
    await desk.turn()
    assert.equal(changes, 1)
  })

  test('that are stored and can no longer be used deny everything', async t => {
    await clear()
    const version = await put(null, ALL)
    const { store, rows } = pipeline
    await store.write(function* () {
      const state = (yield* rows.policies.find(null, version))!
      yield* rows.policies.update({ ...state, state: 'retired' })
      yield* rows.policies.insert({ ...state, version: version + 1, policies: 'permit (principal' })
      yield* rows.policies.bumpRevision()
    }, exclusiveAll)
    logged.length = 0
    const desk = await open()
    t.after(() => desk.stop())
    const { allowed, errors } = desk.decide(asking('acme'))
    assert.deepEqual([allowed, errors.length], [false, 1])
    assert.equal(logged.length, 1)
  })

  test('that take too long deny, whatever they say', async t => {
    await clear()
    await put(null, ALL)
    let now = 0
    let slow = 0
    const desk = await open({ ticks: () => (now += slow) })
    t.after(() => desk.stop())
    slow = 100
    assert.equal(desk.decide(asking(null)).allowed, true)
    slow = 100.5
    const { allowed, errors } = desk.decide(asking(null))
    assert.equal(allowed, false)
    assert.match(errors[0]!, /took 101 ms/)
  })

  test('of a tenant that are slow again and again are asked no more for a while, and deny', async t => {
    await clear()
    await put(null, ALL)
    await put('acme', ALL)
    let now = 0
    let slow = 0
    const desk = await open({ ticks: () => (now += slow) })
    t.after(() => desk.stop())
    slow = 90
    const failures = (tenant: string | null) =>
      Array.from({ length: 20 }, () => desk.decide(asking(tenant))).filter(({ allowed }) => !allowed).length
    assert.equal(failures('acme'), 8)
    assert.match(desk.decide(asking('acme')).errors.join(), /^acme@\d+ took too long lately$/)
    assert.equal(failures(null), 0, 'its owner’s own set would deny everything to everybody')
    clock.advance(2)
    assert.equal(failures('acme'), 19)
    slow = 3
    clock.advance(10)
    assert.equal(failures('acme'), 0)
  })

  test('what is done for a tenant beside its calls may take so long and no longer', async t => {
    let now = 0
    const desk = await open({ ticks: () => now })
    t.after(() => desk.stop())
    const work = (tenant: string | null) => desk.atTheCostOf(tenant, () => (now += 2600))
    assert.ok([work('acme'), work('acme'), work(null), work(null), work('globex')].every(done => done > 0))
    assert.throws(() => work('acme'), { code: 'rate_limited' })
    clock.advance(10)
    work('acme')
    assert.throws(() => work('acme'), { code: 'rate_limited' })
  })

  test('that are suspended are asked by nobody, and can still be explained', async t => {
    await clear()
    await put(null, NONE)
    logged.length = 0
    const desk = await open({ suspended: true })
    t.after(() => desk.stop())
    assert.deepEqual([desk.isIdle, desk.asks(null), logged.length], [true, false, 1])
    assert.equal(desk.activeFor(null).length, 1)
  })

  test('in the shadow are counted from when they came until they go, through every other change', async t => {
    await clear()
    await put(null, ALL)
    const version = await put('acme', NONE, 'shadow')
    const desk = await open()
    t.after(() => desk.stop())
    assert.equal(desk.shadowOf(null), undefined)
    for (let asked = 0; asked < 120; asked++) desk.decide(asking('acme'))
    desk.decide(asking('globex'))
    await put('globex', ALL)
    await desk.look()
    desk.decide({ ...asking('acme'), action: 'getAgent' })
    const report = desk.shadowOf('acme')!
    assert.deepEqual([report.version, report.asked, report.differing, report.examples.length], [version, 121, 121, 100])
    assert.equal(report.examples[0]!.action, 'getAgent')
    await put('acme', ALL, 'shadow')
    await desk.look()
    assert.equal(desk.shadowOf('acme')!.asked, 0)
  })

  test('of which none knows the action deny it', async t => {
    await clear()
    await put(null, ALL)
    const desk = await open()
    t.after(() => desk.stop())
    const { allowed, errors } = desk.decide({ ...asking(null), action: 'App::Action::"fly"' })
    assert.deepEqual([allowed, errors.length], [false, 1])
  })

  test('are looked at again when the bus tells, and no more once they are stopped', async () => {
    await clear()
    const desk = await open()
    const changed = new Promise<void>(resolve => desk.onChange(() => resolve()))
    await put(null, ALL)
    desk.tell()
    await changed
    assert.equal(desk.asks(null), true)
    desk.stop()
    let told = 0
    desk.onChange(() => told++)
    assert.equal(told, 1, 'whoever waits is let go')
    await put(null, NONE)
    await desk.turn()
    assert.equal(desk.decide(asking(null)).allowed, true)
  })
})
