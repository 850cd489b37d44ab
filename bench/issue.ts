import { once } from 'node:events'
import { type BenchAuthority, startAuthority } from './authority.ts'
import { bareReply } from './bare.ts'
import { drawChart } from './chart.ts'
import { keyPool } from './keys.ts'
import { drive } from './load/run.ts'
import type { BenchOptions } from './main.ts'
import { startOn } from './pinned.ts'
import { Reporter, type Row } from './report.ts'

const IN_FLIGHT = [1, 16, 64]
const AGENTS = 64

/** Issuing: what the bare operations cost, the pipeline in one process, and the whole server over HTTPS. */
export async function run({ json, seconds }: BenchOptions): Promise<void> {
  const report = new Reporter(
    'issue',
    'SQLite, WAL, synchronous=FULL: every counted certificate was synced before its reply',
  )
  report.table(
    'What the bare operations cost on one core, and the codec beside @peculiar/x509',
    await inProcess('operations', seconds),
  )
  report.table('The pipeline in one process, one core, recorded durably', await inProcess('pipeline', seconds))
  report.table(
    'A bare HTTPS server of Node answering as many bytes, client on the other core',
    await bareReply(seconds),
  )
  report.table('Lanyard over HTTPS, keep-alive, server alone on its core, by agent token', await byToken(seconds))
  report.table('Lanyard by renewal over mTLS: a new connection and a new key each', await byRenewal(seconds))
  report.write(json)
}

// In a process of its own on the server's processor, so that all shares are of the same core.
async function inProcess(part: 'operations' | 'pipeline', seconds: number): Promise<Row[]> {
  const script = new URL('./in-process.ts', import.meta.url).pathname
  const child = startOn(0, script, [part, String(seconds)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [rows] = (await once(child, 'message')) as [Row[]]
  return rows
}

async function byToken(seconds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const [name, policy, key] of [
    ['RSA-2048 CSR, P-256 CA', 'rsa-only', 'RSA-2048'],
    ['all P-256', 'modern', 'P-256'],
  ] as const) {
    const csrs = (await keyPool(key, 16)).map(({ csrPem }) => csrPem)
    for (const inFlight of IN_FLIGHT) {
      const authority = await startAuthority()
      const count = Math.round(seconds * (inFlight === 1 ? 1500 : 4000))
      const tokens = await mintTokens(authority, policy, count)
      const job = { kind: 'tokens', url: authority.url, rootPem: authority.rootPem, inFlight, tokens, csrs } as const
      rows.push(
        await measured(`over HTTPS, ${name}, ${inFlight} in flight`, authority, {
          ...job,
          warmUp: Math.round(count / 5),
        }),
      )
    }
  }
  return rows
}

async function byRenewal(seconds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const [name, policy, key] of [
    ['RSA-2048 keys, P-256 CA', 'rsa-only', 'RSA-2048'],
    ['all P-256', 'modern', 'P-256'],
  ] as const) {
    const authority = await startAuthority()
    const tokens = await mintTokens(authority, policy, 16)
    const { url, rootPem } = authority
    rows.push(
      await measured(`renewal over mTLS, ${name}, 16 in flight`, authority, {
        kind: 'renewals',
        url,
        rootPem,
        inFlight: 16,
        tokens,
        key,
        seconds,
      }),
    )
  }
  return rows
}

async function measured(name: string, authority: BenchAuthority, job: Parameters<typeof drive>[0]): Promise<Row> {
  let before = authority.usage()
  const outcome = await drive(job, () => (before = authority.usage()))
  const after = authority.usage()
  const { bytesPerCertificate } = await authority.stop()
  return {
    name,
    per_sec: outcome.done / outcome.seconds,
    p50_ms: outcome.p50Ms,
    p99_ms: outcome.p99Ms,
    cpu_ms_per_certificate: ((after.cpuSec - before.cpuSec) * 1000) / outcome.done,
    db_bytes_per_certificate: bytesPerCertificate,
    resident_mb: after.residentMb,
    peak_mb: after.peakMb,
    refused: outcome.refused,
  }
}

/** A tenant with agents, and tokens dealt out to them in turn. */
export async function mintTokens(authority: BenchAuthority, keyPolicy: string, count: number): Promise<string[]> {
  await authority.call('POST', '/v1/tenants', { tenant: 'bench', key_policy: keyPolicy })
  const names = Array.from({ length: Math.min(AGENTS, count) }, (_, at) => `agent-${at}`)
  await Promise.all(
    names.map(agent => authority.call('POST', '/v1/agents', { tenant: 'bench', agent, tier: 'silver' })),
  )
  const tokens: string[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let at = next++; at < count; at = next++) {
        const body = { tenant: 'bench', agent: names[at % names.length]! }
        tokens[at] = (await authority.call('POST', '/v1/agent/bootstrap', body)).token as string
      }
    }),
  )
  return tokens
}

export const draw = (jsonFile: string, svgFile: string) => drawChart(jsonFile, svgFile, 'per_sec', /in flight/)
