import { percentile, type Row } from '../report.ts'
import type { Outcome } from './measure.ts'

/** The line of a case in the table. */
export function rowOf({ case: { letter, title }, records, lost, flood, idleOpen }: Outcome): Row {
  const accepts = records.map(({ lastAcceptMs }) => lastAcceptMs)
  const closed = records.map(({ closedMs }) => closedMs)
  const applied = records.flatMap(({ appliedMs }) => (appliedMs === null ? [] : [appliedMs]))
  const of = (pick: (record: (typeof records)[number]) => number) => records.map(pick)
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
  return {
    name: `(${letter}) ${title}`,
    kills: records.length,
    last_accept_p50_ms: percentile(accepts, 0.5),
    last_accept_p95_ms: percentile(accepts, 0.95),
    last_accept_p99_ms: percentile(accepts, 0.99),
    last_accept_max_ms: Math.max(...accepts),
    last_admit_p99_ms: percentile(
      of(({ lastAdmitMs }) => lastAdmitMs),
      0.99,
    ),
    last_admit_max_ms: Math.max(...of(({ lastAdmitMs }) => lastAdmitMs)),
    accepts_after_mean: sum(of(({ acceptsAfter }) => acceptsAfter)) / records.length,
    accepts_after_max: Math.max(...of(({ acceptsAfter }) => acceptsAfter)),
    knocked_in: sum(of(({ knockedIn }) => knockedIn)),
    told_p50_ms: percentile(
      of(({ toldMs }) => toldMs),
      0.5,
    ),
    all_applied_p99_ms: applied.length === 0 ? null : percentile(applied, 0.99),
    all_acknowledged_p50_ms: percentile(closed, 0.5),
    all_acknowledged_p99_ms: percentile(closed, 0.99),
    all_acknowledged_max_ms: Math.max(...closed),
    points: Math.max(...of(({ points }) => points)),
    silent: sum(of(({ silent }) => silent)),
    cut: sum(of(({ cut }) => cut)),
    left_open: sum(of(({ open }) => open)),
    others_calls: lost.calls,
    others_lost: sum(Object.values(lost.lost)),
    others_cut: lost.ended,
    others_slowest_ms: lost.slowestMs,
    csrs_per_sec: flood?.issuedPerSec ?? null,
    idle_open: idleOpen,
  }
}

/** Groups of columns, so that a table fits a terminal. */
export const VIEWS: readonly (readonly [title: string, columns: readonly string[]])[] = [
  [
    'commit → last accept, by the first byte of the answer at the caller',
    [
      'kills',
      'last_accept_p50_ms',
      'last_accept_p95_ms',
      'last_accept_p99_ms',
      'last_accept_max_ms',
      'accepts_after_mean',
      'accepts_after_max',
      'knocked_in',
    ],
  ],
  [
    'commit → last call let in by a service; applied and acknowledged by every enforcement point',
    [
      'last_admit_p99_ms',
      'last_admit_max_ms',
      'told_p50_ms',
      'all_applied_p99_ms',
      'all_acknowledged_p50_ms',
      'all_acknowledged_p99_ms',
      'all_acknowledged_max_ms',
    ],
  ],
  [
    'who was cut, and what the others lost',
    [
      'points',
      'silent',
      'cut',
      'left_open',
      'others_calls',
      'others_lost',
      'others_cut',
      'others_slowest_ms',
      'csrs_per_sec',
      'idle_open',
    ],
  ],
]

/** Whether a case met what it aims at, in words. */
export function verdictOf(outcome: Outcome): string[] {
  const { aims, letter } = outcome.case
  const row = rowOf(outcome)
  const checks: [string, number, number | undefined][] = [
    ['p99 of the last accept', Number(row.last_accept_p99_ms), aims.p99Ms],
    ['the last accept at most', Number(row.last_accept_max_ms), aims.maxMs],
    ['p99 of all told', Number(row.all_applied_p99_ms), aims.allToldMs],
    ['requests lost of others', Number(row.others_lost), 0],
    ['connections of the dead left open', Number(row.left_open), 0],
  ]
  return checks
    .filter(([, , aim]) => aim !== undefined)
    .map(([what, got, aim]) => {
      const held = aim === 0 ? got === 0 : got < aim!
      return `(${letter}) ${what}: ${Math.round(got * 10) / 10}, aimed at ${aim === 0 ? 'none' : `under ${aim} ms`}: ${held ? 'held' : 'MISSED'}`
    })
}

/** Kills whose last accept was later than `limitMs`, one line each, for whoever looks for the cause. */
export function lateOnes({ case: { letter }, records }: Outcome, limitMs: number): string[] {
  return records
    .filter(({ lastAcceptMs }) => lastAcceptMs > limitMs)
    .map(({ incident, lastAcceptMs, lastAdmitMs, last }) => {
      const ms = (value: number) => `${Math.round(value)} ms`
      const took = last ? `; sent ${ms(last.firstByteAt - last.sentAt)} before its answer to service ${last.goal}` : ''
      return `(${letter}) ${incident}: answer ${ms(lastAcceptMs)} after the commit, let in at ${ms(lastAdmitMs)}${took}${last?.knocked ? ', on a new connection' : ''}`
    })
}
