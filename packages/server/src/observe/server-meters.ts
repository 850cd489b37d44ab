import process from 'node:process'
import { Meters, type MetricLabels, type NamesOf, SERVER_METRICS } from '@lanyard/api'

/** What this instance counts, by the table `SERVER_METRICS` of the API. */
export type ServerMeters = Meters<typeof SERVER_METRICS>

type Counter = NamesOf<typeof SERVER_METRICS, 'counter'>
export type Counted = readonly [name: Counter, labels: MetricLabels]

/** Meters of this process, which is measured too. */
export function serverMeters(): ServerMeters {
  const meters = new Meters('lanyard_', SERVER_METRICS)
  const startedAt = performance.timeOrigin / 1000
  meters.gauge('start_time_seconds', () => startedAt)
  meters.gauge('resident_memory_bytes', () => process.memoryUsage.rss())
  meters.gauge('cpu_seconds', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  return meters
}
