import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DAEMON_METRICS } from '@lanyard/api'
import { createMeter } from './meter.ts'

test('what is counted is told under the names of the docs, with the process itself', () => {
  const meter = createMeter()
  meter.count('renewals', { result: 'ok' }, 2)
  meter.time('attest', 0.004, { result: 'ok' })
  meter.gauge('svids', () => 3)
  const text = meter.text()
  assert.match(text, /^lanyard_daemon_renewals_total\{result="ok"\} 2$/m)
  assert.match(text, /^lanyard_daemon_attest_seconds_bucket\{result="ok",le="0.005"\} 1$/m)
  assert.match(text, /^lanyard_daemon_svids 3$/m)
  assert.match(text, /^lanyard_daemon_cpu_seconds_total [\d.]+$/m)
  assert.match(text, /^lanyard_daemon_start_time_seconds 1\d{9}/m)
})

test('nothing stands in the docs that the daemon never counts', () => {
  const source = globSync(`${import.meta.dirname}/../**/*.ts`)
    .filter(file => !/\.(test|suite)\.ts$/.test(file))
    .map(file => readFileSync(file, 'utf8'))
    .join('\n')
  for (const name of Object.keys(DAEMON_METRICS))
    assert.match(source, new RegExp(`\\.(count|time|gauge)\\(\\s*'${name}'`), `${name} is never measured`)
})
