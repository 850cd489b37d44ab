import { once } from 'node:events'
import { drawChart } from './chart.ts'
import { DoorsStage } from './doors/stage.ts'
import { drive } from './load/run.ts'
import type { BenchOptions } from './main.ts'
import { startOn } from './pinned.ts'
import { Reporter, type Row } from './report.ts'

const IN_FLIGHT = [1, 16]

/** What each way in costs: federated bootstrap, sessions by secret, each method at the management API, and policies. */
export async function run({ json, seconds }: BenchOptions): Promise<void> {
  const report = new Reporter('doors', 'SQLite, WAL, synchronous=FULL: every lineage was synced before its reply')
  const stage = await DoorsStage.open()
  try {
    report.table(
      'Agents, over HTTPS and kept-alive connections, the server alone on its core',
      await doors(stage, stage.agentDoors(seconds), seconds),
    )
    report.table(
      'The same small call of the management API, by each method, over kept-alive connections',
      await doors(stage, stage.managementDoors(), seconds),
    )
  } finally {
    await stage.close()
  }
  report.table('Decisions of policies, prepared, in one process on one core', await inProcess('decisions', seconds))
  report.table('Issuing in one process, one core, recorded durably, 16 in flight', await inProcess('issuing', seconds))
  report.write(json)
}

type Doors = ReturnType<DoorsStage['managementDoors']>

async function doors(stage: DoorsStage, all: Doors, seconds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const { name, calls, once: spent = false, ...more } of all)
    for (const inFlight of IN_FLIGHT) {
      const made = await calls(inFlight)
      const { url, rootPem } = stage.authority
      const job = { kind: 'calls', url, rootPem, inFlight, calls: made, ...more } as const
      let before = stage.authority.usage()
      const outcome = await drive({ ...job, seconds: spent ? 'each once' : seconds }, () => {
        before = stage.authority.usage()
      })
      const cpu = stage.authority.usage().cpuSec - before.cpuSec
      rows.push({
        name: `${name}, ${inFlight} in flight`,
        per_sec: outcome.done / outcome.seconds,
        p50_ms: outcome.p50Ms,
        p99_ms: outcome.p99Ms,
        cpu_ms_each: (cpu * 1000) / outcome.done,
        refused: outcome.refused,
      })
    }
  return rows
}

// In a process of its own on the server's processor, so that all shares are of the same core.
async function inProcess(part: 'decisions' | 'issuing', seconds: number): Promise<Row[]> {
  const script = new URL('./doors/in-process.ts', import.meta.url).pathname
  const child = startOn(0, script, [part, String(seconds)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [rows] = (await once(child, 'message')) as [Row[]]
  return rows
}

export const draw = (jsonFile: string, svgFile: string) => drawChart(jsonFile, svgFile, 'per_sec', /16 in flight/)
