import process from 'node:process'
import { DAEMON_METRICS, Meters, type MetricLabels, type NamesOf } from '@lanyard/api'
import type { Meter } from '../ports.ts'

type Table = typeof DAEMON_METRICS

/** The daemon's meter, and what it has measured. */
export interface DaemonMeter extends Meter {
  /** In the Prometheus text format. */
  text(): string
}

/** A meter by the table of the daemon's metrics; its process is measured too. */
export function createMeter(): DaemonMeter {
  const meters = new Meters<Table>('lanyard_daemon_', DAEMON_METRICS)
  const startedAt = performance.timeOrigin / 1000
  meters.gauge('start_time_seconds', () => startedAt)
  meters.gauge('resident_memory_bytes', () => process.memoryUsage.rss())
  meters.gauge('cpu_seconds', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  return {
    count: (name: NamesOf<Table, 'counter'>, labels?: MetricLabels, by?: number) => meters.count(name, labels, by),
    time: (name: NamesOf<Table, 'histogram'>, seconds: number, labels?: MetricLabels) =>
      meters.time(name, seconds, labels),
    gauge: (name: NamesOf<Table, 'gauge' | 'counter'>, value: () => number) => meters.gauge(name, value),
    text: () => meters.text(),
  }
}

/** Measures nothing: for tests. */
export const noMeter: Meter = { count() {}, time() {}, gauge() {} }
