import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { GrpcLimits } from '../grpc/limits.ts'
import { TestClient } from '../grpc/testing/client.ts'
import type { HeldProcess, Log, Meter } from '../ports.ts'
import { FakeProcess, FakeTime, FakeWorkloads } from '../testing/index.ts'
import type { KnownDeaths } from './jwt.ts'
import { serveWorkloadApi } from './serve.ts'

/** The metadata that the Workload API demands. */
export const HEADER = { 'workload.spiffe.io': 'true' } as const

/** Statuses of gRPC. */
export const STATUS = {
  ok: 0,
  canceled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

/** A socket that is really served, for a process and workloads that are made up. */
export interface World {
  readonly path: string
  readonly workloads: FakeWorkloads
  readonly process: FakeProcess
  readonly time: FakeTime
  readonly client: TestClient
  readonly counted: readonly string[]
  readonly errors: readonly unknown[]
  readonly warnings: readonly unknown[]
  gauge(name: string): number
  connect(authority?: string): TestClient
  close(): Promise<void>
}

export interface WorldOptions {
  readonly limits?: Partial<GrpcLimits>
  readonly processOf?: (socket: Socket) => HeldProcess
  readonly deaths?: KnownDeaths
  readonly authority?: string
}

export async function world(
  t: TestContext,
  { limits = {}, processOf, deaths, authority }: WorldOptions = {},
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'wapi-'))
  const time = new FakeTime()
  const workloads = new FakeWorkloads({ now: () => time.now() })
  const process = new FakeProcess()
  const counted: string[] = []
  const errors: unknown[] = []
  const warnings: unknown[] = []
  const gauges = new Map<string, () => number>()
  const meter: Meter = {
    count: (name, labels = {}) => counted.push([name, ...Object.values(labels)].join(' ')),
    time() {},
    gauge: (name, value) => gauges.set(name, value),
  }
  const log: Log = {
    debug() {},
    info() {},
    warn: fields => warnings.push(fields),
    error: fields => errors.push(fields),
  }
  const path = join(folder, 's')
  const server = await serveWorkloadApi({
    path,
    workloads,
    log,
    meter,
    time,
    limits,
    processOf: processOf ?? (() => process),
    ...(deaths ? { deaths } : {}),
    ...(authority === undefined ? {} : { authority }),
  })
  const clients: TestClient[] = []
  const connect = (authority?: string): TestClient => {
    const client = new TestClient(path, authority)
    clients.push(client)
    return client
  }
  t.after(async () => {
    for (const client of clients) await client.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const gauge = (name: string) => gauges.get(name)?.() ?? Number.NaN
  return {
    path,
    workloads,
    process,
    time,
    client: connect(),
    counted,
    errors,
    warnings,
    gauge,
    connect,
    close: () => server.close(),
  }
}

/** Waits for what comes in one of the next turns; what never comes the runner of the tests gives up. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}
