import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { VerifiedReceipt } from '@lanyard/protocol'
import { CASES, casesOf } from './case.ts'
import { drawKill } from './draw.ts'
import { lateOnes, rowOf, VIEWS, verdictOf } from './figures.ts'
import type { Outcome } from './measure.ts'
import { type KillRecord, recordOf } from './record.ts'
import type { KillTold } from './roles/operator.ts'
import type { Accept, VictimEnd } from './victim.ts'

const OFFSET = -1_000_000
const accept = (firstByteAt: number, knocked = false): Accept => ({
  goal: 0,
  sentAt: firstByteAt - 2,
  firstByteAt,
  admittedAt: firstByteAt - 1,
  knocked,
})
const end = (accepts: readonly Accept[]): VictimEnd => ({
  accepts,
  cut: 4,
  lastCutAt: 130,
  open: 0,
  knocks: { identity_dead: 3 },
  refused: {},
})
const told = { incident: 'inc-1', epoch: 7, at: '', askedAt: 90, toldAt: 106 } satisfies KillTold
const receipt = {
  receipt: {
    commit: { sent: 1_000_100, acknowledged: 1_000_102 },
    closedAt: 1_000_120,
    points: [
      { outcome: 'applied', appliedAt: 1_000_111 },
      { outcome: 'applied', appliedAt: 1_000_115 },
      { outcome: 'silent', appliedAt: null },
    ],
  },
} as unknown as VerifiedReceipt
const record = (accepts: readonly Accept[], commitAt: number | null = null): KillRecord =>
  recordOf(told, end(accepts), receipt, OFFSET, commitAt)

const outcome = (records: readonly KillRecord[], lost = {}): Outcome => ({
  case: CASES[0]!,
  methods: [],
  records,
  lost: { calls: 1000, lost, ended: 0, slowestMs: 3 },
  flood: null,
  idleOpen: null,
})

test('a kill is measured from the earliest moment of its commit to the first byte of the last accept', () => {
  const found = record([accept(99), accept(102.5), accept(108), accept(104)])
  assert.equal(found.lastAcceptMs, 8)
  assert.equal(found.lastAdmitMs, 7)
  assert.equal(found.acceptsAfter, 2)
  assert.equal(found.admitsAfter, 1)
  assert.equal(found.appliedMs, 15)
  assert.equal(found.closedMs, 20)
  assert.equal(found.toldMs, 6)
  assert.equal(found.silent, 1)
})

test('where nothing was accepted after the commit, the last accept is none milliseconds later', () => {
  assert.equal(record([accept(80)]).lastAcceptMs, 0)
  assert.equal(record([]).lastAcceptMs, 0)
  assert.equal(record([]).lastAdmitMs, 0)
})

test('a commit that was seen on its way counts instead of what the authority could see of it', () => {
  assert.equal(record([accept(108)], 104).lastAcceptMs, 4)
})

test('a dead agent that gets in by a new connection is counted by itself', () => {
  assert.equal(record([accept(108), accept(200, true)]).knockedIn, 1)
})

test('an aim that was missed is said to be, and a late kill is named', () => {
  const late = outcome([record([accept(101)]), record([accept(1300, true)])], { ECONNRESET: 2 })
  assert.match(verdictOf(outcome([record([accept(101)])])).join('\n'), /^(?!.*MISSED)/s)
  assert.equal(verdictOf(late).filter(line => line.includes('MISSED')).length, 3)
  assert.deepEqual(lateOnes(late, 100), [
    '(a) inc-1: answer 1200 ms after the commit, let in at 1199 ms; sent 2 ms before its answer to service 0, on a new connection',
  ])
})

test('every column of the table stands in one of its views', () => {
  const { name, ...columns } = rowOf(outcome([record([])]))
  assert.equal(name, '(a) one process: authority, service and caller')
  assert.deepEqual(Object.keys(columns).toSorted(), VIEWS.flatMap(([, of]) => of).toSorted())
})

test('cases are chosen by letter, both parts of one by theirs', () => {
  assert.deepEqual(
    casesOf(['d', 'a']).map(({ letter }) => letter),
    ['d1', 'd2', 'a'],
  )
  assert.deepEqual(
    casesOf(['d2']).map(({ letter }) => letter),
    ['d2'],
  )
  assert.throws(() => casesOf(['z']), /expected cases of a, b/)
})

test('the chart shows each case with its figures, and escapes what it is given', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-chart-'))
  const rows = [rowOf(outcome([record([accept(108)])])), { name: '<another table>', per_sec: 3 }]
  writeFileSync(
    join(folder, 'kill.json'),
    JSON.stringify({ bench: 'kill', at: '2026-11-21', machine: 'a<b', durable: '', rows }),
  )
  drawKill(join(folder, 'kill.json'), join(folder, 'kill.svg'))
  const svg = readFileSync(join(folder, 'kill.svg'), 'utf8')
  rmSync(folder, { recursive: true })
  assert.match(svg, /\(a\) one process/)
  assert.match(svg, />8\.0 · 8\.0 · 8\.0</)
  assert.match(svg, /a&lt;b/)
  assert.doesNotMatch(svg, /another table|NaN/)
})
