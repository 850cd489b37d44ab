import type { Point } from '@lanyard/api'
import { CONNECTION, connect } from '../client/connection.ts'
import { command } from '../command.ts'
import { brief } from '../layout.ts'
import { listing, PAGE } from '../listing.ts'
import { clock } from './incident/show.ts'

export const points = command({
  name: 'points',
  summary: 'List the enforcement points: who guards, how fresh they are, whose lease has lapsed.',
  about: [
    'A point tells how it stands whenever it renews its lease, every few seconds: all but LEASE is as of then.',
    'So AGE, that of its newest line, goes beyond BUDGET for a point that is well; more than a lease, and it falls behind.',
    'BUDGET is how long it goes without news before it refuses guarded calls; a best_effort point goes on.',
  ].join('\n'),
  operands: [],
  options: { ...PAGE, ...CONNECTION },
  examples: [
    { line: 'lanyard points', does: 'Points that hold a lease, or held one within the last hour.' },
    {
      line: `lanyard points --json | jq '.items[] | select(.mode=="best_effort")'`,
      does: 'Those that promise no bound.',
    },
  ],
  wraps: 'GET /v1/feed/points',
  run: async ({ options: { limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/feed/points', { query: { limit, cursor } })
    return listing(reply, ['POINT', 'NAME', 'MODE', 'LEASE', 'EPOCH', 'AGE', 'BUDGET', 'CLOCK', 'SESSIONS'], one =>
      rowOf(one, io.now()),
    )
  },
})

const rowOf = (one: Point, now: number): unknown[] => [
  one.spiffe_id,
  one.name || null,
  one.mode,
  leaseOf(Date.parse(one.leased_until) - now),
  one.epoch,
  one.as_of === null ? null : brief(Math.max(0, now - Date.parse(one.as_of))),
  brief(one.budget_ms),
  clock(one),
  one.sessions,
]

const leaseOf = (left: number): string => (left > 0 ? `${brief(left)} left` : `lapsed ${brief(-left)} ago`)
