import type { AgentKeyType } from '../test/support/agent-key.ts'
import { startAuthority } from './authority.ts'
import { drawChart } from './chart.ts'
import { mintTokens } from './issue.ts'
import { drive } from './load/run.ts'
import type { BenchOptions } from './main.ts'
import { Reporter, type Row } from './report.ts'

// A silver agent lives 300 s and renews at half of that.
const RENEWS_EVERY_SEC = 150
const STORM_AGENTS = 4000

/** A fleet of agents that live five minutes: a window of its steady state, growing, and the moment after an outage. */
export async function run({ json, seconds, agents }: BenchOptions): Promise<void> {
  const report = new Reporter('renewals', 'SQLite, WAL, synchronous=FULL: every renewal was synced before its reply')
  console.log('P-256 keys are made anew for each renewal; RSA-2048 keys come from a pool made beforehand')
  const fleets = [0.5, 1, 1.5, 2, 2.5].map(share => Math.round(agents * share))
  const steady: Row[] = []
  for (const fleet of fleets) steady.push(await steadyState(fleet, 'P-256', seconds))
  steady.push(await steadyState(agents, 'RSA-2048', seconds))
  report.table(
    'At their pace: the agents of the fleet that are due within the window, each on a connection of its own',
    steady,
  )
  report.table('All at once after an outage', [await storm('P-256'), await storm('RSA-2048')])
  report.write(json)
}

async function steadyState(fleet: number, key: AgentKeyType, seconds: number): Promise<Row> {
  const ratePerSec = fleet / RENEWS_EVERY_SEC
  return await fleetOf(`${fleet} agents, ${key}`, key, Math.ceil(ratePerSec * seconds), ratePerSec)
}

const storm = (key: AgentKeyType) =>
  fleetOf(`${STORM_AGENTS} agents at once, ${key}`, key, STORM_AGENTS, Number.POSITIVE_INFINITY)

async function fleetOf(name: string, key: AgentKeyType, due: number, ratePerSec: number): Promise<Row> {
  const authority = await startAuthority()
  const tokens = await mintTokens(authority, key === 'P-256' ? 'modern' : 'rsa-only', due)
  const { url, rootPem } = authority
  let before = authority.usage()
  const outcome = await drive(
    { kind: 'fleet', url, rootPem, tokens, key, ratePerSec },
    () => (before = authority.usage()),
  )
  const after = authority.usage()
  await authority.stop()
  return {
    name,
    asked_per_sec: Number.isFinite(ratePerSec) ? ratePerSec : null,
    renewed_per_sec: outcome.done / outcome.seconds,
    renewed: outcome.done,
    refused: outcome.refused,
    late: outcome.late,
    p50_ms: outcome.p50Ms,
    p99_ms: outcome.p99Ms,
    server_cpu_share: (after.cpuSec - before.cpuSec) / outcome.seconds,
    peak_mb: after.peakMb,
  }
}

export const draw = (jsonFile: string, svgFile: string) => drawChart(jsonFile, svgFile, 'renewed_per_sec', /./)
