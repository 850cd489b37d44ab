// Benchmarks: `npm run bench -- issue | renewals | kill | workload-api | doors [--json FILE] [--chart FILE] [--seconds
// N]`. Each prints tables and, with --json, writes them; --chart draws them. `kill` takes [--kills N] [--case a,b,…].
import { parseArgs } from 'node:util'

interface Bench {
  run(options: BenchOptions): Promise<void>
  /** Draws what `run` wrote. */
  draw(jsonFile: string, svgFile: string): void
}

const BENCHES: Record<string, () => Promise<Bench>> = {
  issue: () => import('./issue.ts'),
  renewals: () => import('./renewals.ts'),
  kill: () => import('./kill.ts'),
  'workload-api': () => import('./workload-api.ts'),
  doors: () => import('./doors.ts'),
}

export interface BenchOptions {
  /** Where the JSON goes, or nowhere. */
  readonly json: string | undefined
  /** Measured seconds of each case, after its warm-up. */
  readonly seconds: number
  /** `renewals`: agents of the largest fleet. */
  readonly agents: number
  /** `kill`: kills of each case; `workload-api`: changes. */
  readonly kills: number
  /**
   * `kill`: letters of the cases to play, and `guard` for what the guard costs, such as `a,d,guard`; all when absent.
   */
  readonly cases: string | undefined
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    chart: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    agents: { type: 'string', default: '50000' },
    kills: { type: 'string', default: '200' },
    case: { type: 'string' },
  },
})
const load = BENCHES[positionals[0] ?? '']
if (!load) {
  console.error(`expected one of: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}
const { run, draw } = await load()
if (values.chart !== undefined && values.json === undefined) {
  console.error('--chart draws what --json writes: give both')
  process.exit(2)
}
await run({
  json: values.json,
  seconds: Number(values.seconds),
  agents: Number(values.agents),
  kills: Number(values.kills),
  cases: values.case,
})
if (values.chart !== undefined) draw(values.json!, values.chart)
