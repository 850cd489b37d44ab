import process from 'node:process'
import { systemTime } from '@lanyard/sdk/authority'
import type { DaemonStatus } from './admin/index.ts'
import { startAdmin } from './admin/index.ts'
import { type Assembly, assemble } from './assembly.ts'
import { attestationOf } from './attest/index.ts'
import { lasting } from './attestors/unix/owners.ts'
import type { DaemonConfig } from './config.ts'
import { startDelivery } from './delivery/index.ts'
import { PrivateFolder } from './disk/private-folder.ts'
import { createLaunches, type LaunchRegistry } from './launches/index.ts'
import { createLog } from './log.ts'
import type { JoinToken } from './node/proof.ts'
import { serveMetrics } from './observe/listen.ts'
import { createMeter, type DaemonMeter } from './observe/meter.ts'
import { processOfPid, processOfSocket } from './peer/index.ts'
import type { Attestation, Log, Time } from './ports.ts'
import { serveProxyBeside } from './proxy/index.ts'
import { socketPathOf } from './sockets/endpoint.ts'
import { requireListenable } from './sockets/listen.ts'
import { statusOf, type Told } from './status.ts'
import { serveWorkloadApi } from './workload-api/index.ts'
import { NOT_KNOWN } from './workloads/state.ts'

/** What a daemon takes from outside; tests give their own. */
export interface DaemonIo {
  readonly time?: Time
  readonly log?: Log
  /** At least 0, below 1. */
  readonly random?: () => number
  /** A join token, or what makes one; it is needed at the first start alone, and where the authority has forgotten the node. */
  readonly joinToken?: JoinToken | null
  /** Ends the wait for an authority at the first start. */
  readonly signal?: AbortSignal
  /** Of the program. */
  readonly version?: string
}

/** A daemon that serves. */
export interface RunningDaemon {
  /** What workloads find in SPIFFE_ENDPOINT_SOCKET: `unix:///PATH`. */
  readonly workloadApi: string
  readonly adminSocket: string
  readonly trustDomain: string
  /** SPIFFE ID of the node. */
  readonly nodeId: string
  status(): DaemonStatus
  /** In the Prometheus text format. */
  metrics(): string
  /** Takes the sockets away and ends all streams. Processes keep what they have until it ends. */
  close(): Promise<void>
}

/**
 * Starts a daemon: attests where the node is not on disk, then serves. A node that is on disk serves at once, also while the
 * authority is away.
 *
 * @throws LanyardError `config_invalid`, `permissions_too_wide`, `socket_unusable`, and those of `POST /v1/nodes/attest`
 */
export async function startDaemon(config: DaemonConfig, io: DaemonIo = {}): Promise<RunningDaemon> {
  const time = io.time ?? systemTime
  const log = io.log ?? createLog({ level: config.logLevel, format: config.logFormat })
  const meter = createMeter()
  const folder = PrivateFolder.open(config.data)
  const startedAt = time.now()
  await using running = new AsyncDisposableStack()
  const launches = createLaunches({
    entries: () => assembly.node.catalogue.entries.values(),
    hold: processOfPid,
    neverOf: lasting(config.attestors.includes('unix') ? {} : null),
    ...{ folder, log, now: () => time.now() },
  })
  running.defer(() => launches.close())
  const attestation = attestationOf({ attestors: attestorsIn(config), launches, time, log, meter })
  const assembly: Assembly = assemble({
    ...{ config, time, log, meter, folder, attestation },
    random: io.random ?? Math.random,
    joinToken: io.joinToken ?? null,
  })
  running.defer(() => assembly.stop())
  // A join token is spent by the first start: what would end this one afterwards is asked first.
  for (const path of [socketPathOf(config.socket), config.adminSocket]) await requireListenable(path)
  await holdingOn(assembly.start(), io.signal)
  const told = { startedAt, version: io.version ?? '', url: config.authority }
  const served = await serve({ config, assembly, attestation, launches, log, meter, time, told }, running)
  meter.gauge('launches', () => launches.running().length)
  const { id } = assembly.node.keeper.credential
  log.info({ workload_api: served.workloadApi, node: id.toString(), pid: process.pid }, 'ready')
  const owned = running.move()
  let closed: Promise<void> | undefined
  return {
    ...served,
    trustDomain: id.trustDomain.name,
    nodeId: id.toString(),
    metrics: () => meter.text(),
    close: () => (closed ??= owned.disposeAsync()),
  }
}

interface Served {
  readonly config: DaemonConfig
  readonly assembly: Assembly
  readonly attestation: Attestation
  readonly launches: LaunchRegistry
  readonly log: Log
  readonly meter: DaemonMeter
  readonly time: Time
  readonly told: Omit<Told, 'workloadApi'>
}

/** Serves whatever is to be served; `running` ends it. Throws as {@link startDaemon}. */
async function serve(
  { config, assembly, attestation, launches, log, meter, time, told }: Served,
  running: AsyncDisposableStack,
): Promise<Pick<RunningDaemon, 'workloadApi' | 'adminSocket' | 'status'>> {
  const { authority } = config
  const { workloads, node } = assembly
  const delivery = startDelivery({ settings: config.delivery, assembly, log, meter, time })
  running.defer(() => delivery.stop())
  const deaths = node.feed.follower
  const api = await serveWorkloadApi({ path: config.socket, workloads, authority, deaths, log, meter, time })
  running.defer(() => api.close())
  const proxy = await serveProxyBeside(api.path, { workloads, authority, log, time })
  running.defer(() => proxy?.close())
  const workloadApi = `unix://${api.path}`
  const status = () => statusOf(assembly, { ...told, workloadApi })
  const metrics = () => meter.text()
  const admin = await startAdmin(
    { path: config.adminSocket, launchers: config.launchers, peerOf: processOfSocket, log },
    {
      ...{ status, metrics, attestation, launches },
      entries: () => node.catalogue.entries.values(),
      stateOf: entry => assembly.svids.stateOf(entry),
      noNode: () => noNodeOf(assembly),
      hold: processOfPid,
    },
  )
  running.defer(() => admin.close())
  if (config.metrics !== null) {
    const listener = await serveMetrics(config.metrics, metrics)
    running.defer(() => listener.close())
  }
  return { workloadApi, adminSocket: admin.path, status }
}

/** Why nothing is known of entries: the authority let the node go, or has not told them yet. */
function noNodeOf({ node: { keeper, catalogue } }: Assembly) {
  const { failure } = keeper
  if (failure !== null) return { code: failure.code, detail: failure.message }
  return catalogue.whole || catalogue.entries.size > 0 ? null : NOT_KNOWN
}

/** Keeps the process alive for whoever waits: the timers of a daemon alone would not. */
async function holdingOn<T>(waited: Promise<T>, signal?: AbortSignal): Promise<T> {
  const timer = setInterval(() => {}, 1 << 30)
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  try {
    signal?.throwIfAborted()
    return await Promise.race([waited, aborted])
  } finally {
    clearInterval(timer)
  }
}

function attestorsIn({ attestors, dockerSocket, systemctl, maxHashBytes }: DaemonConfig) {
  const on = (name: (typeof attestors)[number]) => attestors.includes(name)
  return {
    unix: on('unix') ? { ...(maxHashBytes === null ? {} : { maxHashBytes }) } : false,
    systemd: on('systemd') ? { ...(systemctl === null ? {} : { systemctl }) } : false,
    docker: on('docker') ? { ...(dockerSocket === null ? {} : { socket: dockerSocket }) } : false,
  } as const
}
