import { canPin } from '../pinned.ts'
import { percentile, type Row } from '../report.ts'
import { TENANT } from './fleet.ts'
import type { AuthorityRole } from './roles/authority.ts'
import type { HotCallerRole } from './roles/hot-caller.ts'
import type { HotKind, HotServerRole } from './roles/hot-server.ts'
import type { OperatorRole } from './roles/operator.ts'
import { Host, type Remote } from './rpc.ts'

const KINDS: readonly HotKind[] = ['none', 'door', 'guard']
const NAMES = {
  none: 'node:https alone, the same TLS',
  door: 'with identity.protect, liveness: false',
  guard: 'with identity.protect as it is by default',
} as const satisfies Record<HotKind, string>
const SLICE_MS = 1000
const WARM_UP = 2

interface Slice {
  readonly callsPerSec: number
  readonly cpuMicros: number
}

/**
 * What the guard costs a request. Three servers, each in a process on the same processor, are called in turn, a second each, for
 * `rounds` rounds; each round gives a ratio, and the median of those stands.
 */
export async function hotPath(rounds: number): Promise<Row[]> {
  const on = (cpu: number) => new Host(canPin ? ['taskset', '-c', String(cpu)] : [])
  await using undo = new AsyncDisposableStack()
  const start = async <Role extends object>(host: Host, role: string, options: unknown) => {
    undo.defer(() => host.kill())
    return await host.start<Role>(role, role, options)
  }
  const authority = await start<AuthorityRole>(new Host(), 'authority', { config: {} })
  undo.defer(() => authority.close())
  const { url, rootPem, rootSha256, adminKey } = await authority.info()
  const operator = await start<OperatorRole>(new Host(), 'operator', { urls: [url], rootPem, adminKey })
  await operator.ask(0, 'POST', '/v1/tenants', { tenant: TENANT, key_policy: 'modern' })
  const [callerToken, ...tokens] = await operator.agents(TENANT, ['caller', ...KINDS])
  const servers: Record<string, Remote<HotServerRole>> = {}
  for (const [at, kind] of KINDS.entries())
    servers[kind] = await start(on(0), 'hot-server', { kind, url, rootSha256, token: tokens[at], tenant: TENANT })
  const caller = await start<HotCallerRole>(on(1), 'hot-caller', { url, rootPem, token: callerToken, connections: 16 })
  return rowsOf(await slices(servers, caller, rounds))
}

async function slices(servers: Record<string, Remote<HotServerRole>>, caller: Remote<HotCallerRole>, rounds: number) {
  const taken = { none: [] as Slice[], door: [] as Slice[], guard: [] as Slice[] }
  for (let round = -WARM_UP; round < rounds; round++)
    // The order turns, so that none always follows the same neighbour.
    for (let each = 0; each < KINDS.length; each++) {
      const kind = KINDS[(each + round + WARM_UP) % KINDS.length]!
      const before = await servers[kind]!.cpuMs()
      const calls = await caller.saturate(await servers[kind]!.address(), SLICE_MS)
      const cpuMs = (await servers[kind]!.cpuMs()) - before
      if (round >= 0) taken[kind].push({ callsPerSec: (calls * 1000) / SLICE_MS, cpuMicros: (cpuMs * 1000) / calls })
    }
  return taken
}

function rowsOf(taken: Record<HotKind, readonly Slice[]>): Row[] {
  const median = (values: readonly number[]) => percentile(values, 0.5)
  const ratio = (kind: HotKind, to: HotKind) =>
    median(taken[kind].map(({ callsPerSec }, at) => callsPerSec / taken[to][at]!.callsPerSec))
  return KINDS.map(kind => ({
    name: NAMES[kind],
    calls_per_sec: median(taken[kind].map(({ callsPerSec }) => callsPerSec)),
    server_cpu_us_per_call: median(taken[kind].map(({ cpuMicros }) => cpuMicros)),
    of_https_alone: ratio(kind, 'none'),
    of_without_liveness: kind === 'none' ? null : ratio(kind, 'door'),
  }))
}
