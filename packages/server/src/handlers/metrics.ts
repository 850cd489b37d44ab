import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

/** What this instance measures. */
export function metricsHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, 'getMetrics'> {
  const { store, rows, clock, meters } = ports
  return {
    async getMetrics({ caller }) {
      // The numbers are of all tenants together: what others do is no business of one.
      if (caller.tenant !== null)
        throw new LanyardError('permission_missing', 'expected a key of all tenants', { permission: 'metrics.read' })
      const { points, behind } = await store.read(function* () {
        const leased = yield* rows.points.leasedAt(clock.now())
        const epoch = yield* rows.epoch.current()
        return { points: leased.length, behind: leased.filter(point => point.epoch < epoch).length }
      })
      meters.gauge('points', () => points)
      meters.gauge('points_behind', () => behind)
      return meters.text()
    },
  }
}
