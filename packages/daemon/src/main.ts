import { join } from 'node:path'
import process from 'node:process'
import { systemTime } from '@lanyard/sdk/authority'
import type { DaemonStatus } from './admin/index.ts'
import { startAdmin } from './admin/index.ts'
import { type Assembly, assemble } from './assembly.ts'
import { attestationOf } from './attest/index.ts'
import type { DaemonConfig } from './config.ts'
import { startDelivery } from './delivery/index.ts'
import { PrivateFolder } from './disk/private-folder.ts'
import { createLaunches } from './launches/index.ts'
import { createLog } from './log.ts'
import type { JoinToken } from './node/proof.ts'
import { serveMetrics } from './observe/listen.ts'
import { createMeter } from './observe/meter.ts'
import { processOfPid, processOfSocket } from './peer/index.ts'
import type { Log, Time } from './ports.ts'
import { serveProxyBeside } from './proxy/index.ts'
import { serveWorkloadApi } from './workload-api/index.ts'

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
    file: join(config.data, 'launches.json'),
    log,
    now: () => time.now(),
  })
  running.defer(() => launches.close())
  const attestation = attestationOf({ attestors: attestorsIn(config), launches, time, log, meter })
  const random = io.random ?? Math.random
  const assembly: Assembly = assemble({
    config,
    time,
    log,
    meter,
    random,
    folder,
    joinToken: io.joinToken ?? null,
    attestation,
  })
  running.defer(() => assembly.stop())
  await holdingOn(assembly.start(), io.signal)
  const delivery = startDelivery({ settings: config.delivery, assembly, log, meter, time })
  running.defer(() => delivery.stop())
  const deaths = assembly.node.feed.follower
  const { authority } = config
  const { workloads } = assembly
  const api = await serveWorkloadApi({ path: config.socket, workloads, authority, deaths, log, meter, time })
  running.defer(() => api.close())
  const proxy = await serveProxyBeside(api.path, { workloads, authority, log, time })
  running.defer(() => proxy?.close())
  const workloadApi = `unix://${api.path}`
  const status = () => statusOf(assembly, { workloadApi, startedAt, version: io.version ?? '', url: authority })
  const admin = await startAdmin(
    { path: config.adminSocket, launchers: config.launchers, peerOf: processOfSocket, log },
    {
      status,
      metrics: () => meter.text(),
      attestation,
      launches,
      entries: () => assembly.node.catalogue.entries.values(),
      hold: processOfPid,
    },
  )
  running.defer(() => admin.close())
  if (config.metrics !== null) {
    const metrics = await serveMetrics(config.metrics, () => meter.text())
    running.defer(() => metrics.close())
  }
  meter.gauge('launches', () => launches.running().length)
  const { id } = assembly.node.keeper.credential
  log.info({ workload_api: workloadApi, node: id.toString(), pid: process.pid }, 'ready')
  const owned = running.move()
  let closed: Promise<void> | undefined
  return {
    workloadApi,
    adminSocket: admin.path,
    trustDomain: id.trustDomain.name,
    nodeId: id.toString(),
    status,
    metrics: () => meter.text(),
    close: () => (closed ??= owned.disposeAsync()),
  }
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

interface Told {
  readonly workloadApi: string
  /** Unix milliseconds. */
  readonly startedAt: number
  readonly version: string
  readonly url: string
}

function statusOf({ node, svids, workloads }: Assembly, { workloadApi, startedAt, version, url }: Told): DaemonStatus {
  const { name, spiffe_id, tenant, groups, not_after } = node.keeper.credential.reply
  const asOf = node.feed.follower.asOf
  return {
    version,
    started_at: isoTime(startedAt),
    trust_domain: node.keeper.credential.id.trustDomain.name,
    node: { name, spiffe_id, tenant, groups, not_after },
    authority: {
      url,
      connected: node.connected,
      code: node.connected ? null : (node.failure?.code ?? 'server_unreachable'),
      heard_at: node.heardAt === null ? null : isoTime(node.heardAt),
      feed_as_of: asOf === null ? null : isoTime(asOf),
    },
    workload_api: workloadApi,
    entries: node.catalogue.entries.size,
    subscribers: workloads.followers,
    svids: [...svids.slots].flatMap(({ svid, followers }) =>
      svid === null
        ? []
        : [
            {
              entry: svid.entry.id,
              spiffe_id: svid.id.toString(),
              not_after: isoTime(svid.notAfter * 1000),
              followers,
            },
          ],
    ),
  }
}

const isoTime = (at: number) => new Date(at).toISOString()
