import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAEMON_METRICS } from './daemon.ts'
import { Meters } from './meters.ts'
import { type MetricTable, QUICK } from './rows.ts'
import { SERVER_METRICS } from './server.ts'

const TABLE = {
  calls: { kind: 'counter', about: 'Calls.', labels: ['code'] },
  open: { kind: 'gauge', about: 'Open ones.' },
  wait: { kind: 'histogram', about: 'Waiting.', labels: ['lane'], buckets: [0.1, 1] },
} as const satisfies MetricTable

test('counters, gauges and histograms are written in the text format', () => {
  const meters = new Meters('x_', TABLE)
  meters.count('calls', { code: 'ok' })
  meters.count('calls', { code: 'ok' }, 2)
  meters.gauge('open', () => 7)
  meters.time('wait', 0.1, { lane: 'a' })
  meters.time('wait', 0.5, { lane: 'a' })
  meters.time('wait', 5, { lane: 'a' })
  assert.equal(
    meters.text(),
    `# HELP x_calls_total Calls.
# TYPE x_calls_total counter
x_calls_total{code="ok"} 3
# HELP x_open Open ones.
# TYPE x_open gauge
x_open 7
# HELP x_wait_seconds Waiting.
# TYPE x_wait_seconds histogram
x_wait_seconds_bucket{lane="a",le="0.1"} 1
x_wait_seconds_bucket{lane="a",le="1"} 2
x_wait_seconds_bucket{lane="a",le="+Inf"} 3
x_wait_seconds_sum{lane="a"} 5.6
x_wait_seconds_count{lane="a"} 3
`,
  )
})

test('what cannot be counted changes nothing', () => {
  const meters = new Meters<MetricTable>('x_', TABLE)
  meters.count('none' as never)
  meters.count('open' as never)
  meters.time('wait' as never, Number.NaN)
  meters.gauge('open' as never, () => {
    throw new Error('closed')
  })
  assert.equal(meters.text(), '')
})

test('values of labels cannot break out of their quotes, and labels that are not declared are left out', () => {
  const meters = new Meters('x_', TABLE)
  meters.count('calls', { code: 'a"} 1\n\\', other: 'b' })
  assert.match(meters.text(), /^x_calls_total\{code="a\\"\} 1\\n\\\\"\} 1$/m)
})

test('however many values a label takes, memory stays bounded', () => {
  const meters = new Meters('x_', TABLE)
  for (let at = 0; at < 2000; at++) meters.count('calls', { code: `c${at}` })
  const lines = meters
    .text()
    .split('\n')
    .filter(line => line.startsWith('x_calls'))
  assert.equal(lines.length, 501)
  assert.match(lines.at(-1)!, /code="other"\} 1500$/)
})

test('the tables have names, bounds and sentences as the format wants them', () => {
  for (const table of [SERVER_METRICS, DAEMON_METRICS] as readonly MetricTable[])
    for (const [name, { about, labels = [], buckets = QUICK }] of Object.entries(table)) {
      assert.match(name, /^[a-z][a-z0-9_]*$/)
      for (const label of labels) assert.match(label, /^[a-z][a-z_]*$/)
      assert.match(about, /^[A-Z].*[.]$/)
      assert.deepEqual(
        buckets,
        [...buckets].toSorted((a, b) => a - b),
        name,
      )
    }
})
