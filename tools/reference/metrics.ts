import { DAEMON_METRICS, exportedName, type MetricTable, SERVER_METRICS } from '@lanyard/api'
import { code, page, table } from './markdown.ts'

/** docs/reference/metrics.md */
export function metricsPage(): string {
  return page(
    'Metrics',
    'In the Prometheus text format 0.0.4, which the OpenTelemetry collector scrapes as well. Values of labels come from closed sets (names of routes, codes): no tenant, agent, address or path is ever one.',
    '## Authority',
    'Each instance answers `GET /metrics` with what it did itself since it began, to an API key of all tenants whose role has `metrics.read`. While the store is away, no key can be judged and nobody reads.',
    rowsOf('lanyard_', SERVER_METRICS),
    '## Daemon',
    '`GET /metrics` on the admin socket, and at the loopback address of the setting `metrics` where one is set.',
    rowsOf('lanyard_daemon_', DAEMON_METRICS),
  )
}

function rowsOf(prefix: string, metrics: MetricTable): string {
  const heads = ['Name', 'Kind', 'What it is', 'Labels']
  const rows = Object.entries(metrics).map(([name, row]) => [
    code(exportedName(prefix, name, row)),
    row.kind,
    row.about,
    (row.labels ?? []).map(code).join(', '),
  ])
  return table(heads, rows)
}
