import process from 'node:process'
import { DAEMON_METRICS, Meters } from '@lanyard/api'
import type { Meter } from '../ports.ts'

/** The daemon's meter, and what it has measured. */
export interface DaemonMeter extends Meter {
  /** In the Prometheus text format. */
  text(): string
}

/** A meter by the table of the daemon's metrics; its process is measured too. */
export function createMeter(): DaemonMeter {
  const meters = new Meters('lanyard_daemon_', DAEMON_METRICS)
  const startedAt = performance.timeOrigin / 1000
  meters.gauge('start_time_seconds', () => startedAt)
  meters.gauge('resident_memory_bytes', () => process.memoryUsage.rss())
  meters.gauge('cpu_seconds', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  return meters
}
