// Benchmarks: `npm run bench -- issue | renewals [--json FILE] [--seconds N] …`. Each prints tables and, with --json, writes them.
import { parseArgs } from 'node:util'

const BENCHES: Record<string, () => Promise<{ run(options: BenchOptions): Promise<void> }>> = {
  issue: () => import('./issue.ts'),
  renewals: () => import('./renewals.ts'),
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
await run({ json: values.json, seconds: Number(values.seconds), agents: Number(values.agents) })
