import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import type { Workload } from '../ports.ts'
import { entryOf } from '../svids/svids.suite.ts'
import { FakeProcess, FakeTime, noLog } from '../testing/index.ts'
import type { Miss } from './follower.ts'
import { Signals } from './signals.ts'

interface Told {
  readonly code: string
  readonly entry: string | null
  readonly executable: string | null
  readonly count: number
}

function world() {
  const time = new FakeTime()
  const reports: Told[][] = []
  const away = { now: false }
  const report = async (signals: readonly object[]) => {
    if (away.now) throw new LanyardError('server_unreachable', 'away')
    reports.push(signals as Told[])
  }
  return { time, reports, away, signals: new Signals({ time, log: noLog, report }) }
}

const entry = entryOf()

function miss(path: string, uid = 1000): Miss {
  const process = new FakeProcess(7, { uid })
  const workload: Workload = { process, selectors: new Set([`unix:path:${path}`]), mainOf: [], launchedFor: null }
  return { workload, verdicts: [{ entry, given: false, code: 'workload_is_descendant', missing: [] }] }
}

test('a shell that asks again and again is one signal with a count', async () => {
  const { time, reports, signals } = world()
  for (let i = 0; i < 1_000; i++) signals.add(miss('/bin/sh'), 'workload_is_descendant')
  signals.add(miss('/bin/sh', 1001), 'workload_is_descendant')
  signals.add(miss('/bin/sh'), 'attestation_failed')
  await time.advance(10_000)
  const told = reports.flat().map(({ code, entry: id, executable, count }) => ({ code, id, executable, count }))
  const same = { code: 'workload_is_descendant', id: entry.id, executable: '/bin/sh' }
  assert.deepEqual(told, [
    { ...same, count: 1_000 },
    { ...same, count: 1 },
  ])
})

test('many kinds go out in reports of fifty, and no more are kept than five hundred', async () => {
  const { time, reports, signals } = world()
  for (let i = 0; i < 2_000; i++) signals.add(miss(`/tmp/${i}`, i % 5), 'workload_is_descendant')
  await time.advance(60_000)
  assert.equal(reports.flat().length, 505, 'five hundred, and what is more of each user')
  assert.ok(reports.every(report => report.length <= 50))
})

test('a user with ever new executables hides nothing that others do, and is counted', async () => {
  const { time, reports, signals } = world()
  for (let i = 0; i < 2_000; i++) signals.add(miss(`/tmp/${i}`), 'no_identity')
  signals.add(miss('/bin/sh', 1001), 'workload_is_descendant')
  await time.advance(60_000)
  const told = reports.flat()
  assert.deepEqual(told.find(({ code }) => code === 'workload_is_descendant')?.executable, '/bin/sh')
  assert.equal(told.find(({ executable }) => executable === null)?.count, 1_900)
})

test('what could not be told is told later', async () => {
  const { time, reports, away, signals } = world()
  away.now = true
  signals.add(miss('/bin/sh'), 'no_identity')
  await time.advance(30_000)
  assert.equal(reports.length, 0)
  away.now = false
  await time.advance(6_000)
  assert.equal(reports.length, 1)
  assert.equal(time.waiting, 0)
})
