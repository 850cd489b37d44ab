import { drawChart } from './chart.ts'
import type { BenchOptions } from './main.ts'
import { Reporter } from './report.ts'
import { changes, firstSvids } from './workload-api/changes.ts'
import { handshakes } from './workload-api/handshakes.ts'
import { Stage } from './workload-api/stage.ts'
import { subscribers } from './workload-api/subscribers.ts'

const SUBSCRIBERS = 1000

/** What a workload waits for at the daemon's socket, and what the daemon costs. */
export async function run({ json, seconds, kills }: BenchOptions): Promise<void> {
  const report = new Reporter('workload-api', 'SQLite, WAL, synchronous=FULL at the authority')
  const stage = await Stage.open()
  try {
    report.table('Authority, daemon and workload in three processes, P-256', [
      ...(await firstSvids(stage, Math.ceil(kills / 2))),
      ...(await changes(stage, kills)),
    ])
    report.table(
      'Streams of one process, each on a connection of its own',
      await subscribers(stage, SUBSCRIBERS, seconds),
    )
    report.table(
      'New mutual TLS connections a second, TLS 1.3, P-256, client and server in one process each time',
      await handshakes(stage, seconds),
    )
  } finally {
    await stage.close()
  }
  report.write(json)
}

export const draw = (jsonFile: string, svgFile: string) => drawChart(jsonFile, svgFile, 'p99_ms', /_ms$|→/)
