// Benchmarks: `npm run bench -- issue | renewals [--json FILE] [--chart FILE] [--seconds N]`. Each prints tables and, with
// --json, writes them; --chart draws them.
import { parseArgs } from 'node:util'
import { drawChart } from './chart.ts'

const BENCHES: Record<string, () => Promise<{ run(options: BenchOptions): Promise<void> }>> = {
  issue: () => import('./issue.ts'),
  renewals: () => import('./renewals.ts'),
}

/** What stands in the chart of each: the figure, and the rows by name. */
const CHARTS: Record<string, [figure: string, names: RegExp]> = {
  issue: ['per_sec', /in flight/],
  renewals: ['renewed_per_sec', /./],
}

export interface BenchOptions {
  /** Where the JSON goes, or nowhere. */
  readonly json: string | undefined
  /** Measured seconds of each case, after its warm-up. */
  readonly seconds: number
  /** `renewals`: agents of the largest fleet. */
  readonly agents: number
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    chart: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    agents: { type: 'string', default: '50000' },
  },
})
const load = BENCHES[positionals[0] ?? '']
if (!load) {
  console.error(`expected one of: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}
const { run } = await load()
if (values.chart !== undefined && values.json === undefined) {
  console.error('--chart draws what --json writes: give both')
  process.exit(2)
}
await run({ json: values.json, seconds: Number(values.seconds), agents: Number(values.agents) })
if (values.chart !== undefined) {
  const [figure, names] = CHARTS[positionals[0]!]!
  drawChart(values.json!, values.chart, figure, names)
}
