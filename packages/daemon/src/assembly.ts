import type { CatalogueChange } from './authority/catalogue.ts'
import { Expiry } from './authority/expiry.ts'
import { DaemonNode, type NodePorts } from './node/node.ts'
import type { Attestation } from './ports.ts'
import type { IssuedSvid } from './svids/held.ts'
import { KeyPool } from './svids/key-pool.ts'
import { SvidManager } from './svids/manager.ts'
import { type IssuedToken, TokenDesk } from './tokens/desk.ts'
import { Signals } from './workloads/signals.ts'
import { WorkloadDesk } from './workloads/workloads.ts'

export interface AssemblyPorts extends Omit<NodePorts, 'changed' | 'died' | 'again'> {
  readonly attestation: Attestation
}

/** What a daemon is without its sockets: a node, what it holds, and who may have what. */
export interface Assembly {
  readonly node: DaemonNode
  readonly svids: SvidManager
  readonly tokens: TokenDesk
  readonly workloads: WorkloadDesk
  /** Takes up what is on disk, attests where that is needed, and connects. Throws as {@link DaemonNode.start}. */
  start(): Promise<void>
  /** Calls back whenever what somebody may have may be other. Gives what ends it. */
  onChange(listener: () => void): () => void
  stop(): void
}

/** Puts the parts together: whatever one hears, the others learn. */
export function assemble(ports: AssemblyPorts): Assembly {
  const { time, log, meter, random, folder, attestation } = ports
  const keys = new KeyPool()
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) queueMicrotask(listener)
  }
  const node: DaemonNode = new DaemonNode({
    ...ports,
    changed: change => changed(change),
    died: () => {
      const heard = time.monotonic()
      const before = svids.held.length
      svids.judge()
      tokens.judge()
      // Followers are told in a microtask that was queued before this one.
      if (svids.held.length < before) queueMicrotask(() => meter.time('withdrawal', (time.monotonic() - heard) / 1000))
    },
    again: () => svids.again(),
  })
  const entry = (id: string) => node.catalogue.entries.get(id)
  const shared = { clock: node.clock, judge: node.feed.judge, meter, entry }
  const svids: SvidManager = new SvidManager({
    ...{ ...shared, time, log, random },
    folder: folder.folder('svids'),
    bundle: () => node.catalogue.bundles?.own ?? null,
    takeKey: policy => keys.take(policy),
    issue: (id, csr, renews) =>
      node.call<IssuedSvid>('/v1/node/svids/x509', { entry: id, csr, ...(renews === null ? {} : { renews }) }),
    changed: id => {
      workloads.svidChanged(id)
      tell()
    },
  })
  const tokens = new TokenDesk({
    ...shared,
    issueJwt: (id, audience) => node.call<IssuedToken>('/v1/node/svids/jwt', { entry: id, audience }),
    issueWit: (id, csr) => node.call<IssuedToken>('/v1/node/svids/wit', { entry: id, csr }),
  })
  const signals = new Signals({ time, log, report: list => node.call('/v1/node/signals', { signals: list }) })
  const workloads: WorkloadDesk = new WorkloadDesk({
    ...{ attestation, catalogue: node.catalogue, svids, tokens, time, log, meter },
    noNode: () => node.keeper.failure,
    refused: (miss, code) => signals.add(miss, code),
  })
  const changed = (change: CatalogueChange) => {
    for (const { key_policy } of change.changed) keys.prepare(key_policy)
    svids.entriesChanged(change.changed, change.removed)
    expiry.changed(change)
    tokens.entriesChanged([...change.changed.map(({ id }) => id), ...change.removed])
    workloads.catalogueChanged(change)
    tell()
  }
  const expiry: Expiry = new Expiry(time, entries => {
    log.info({ entries: entries.map(({ id }) => id) }, 'entries have expired')
    const change = { changed: entries, removed: [], bundles: false }
    svids.entriesChanged(change.changed, [])
    tokens.entriesChanged(entries.map(({ id }) => id))
    workloads.catalogueChanged(change)
    tell()
  })
  meter.gauge('svids', () => svids.held.length)
  meter.gauge('key_pool', () => keys.size)
  return {
    node,
    svids,
    tokens,
    workloads,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async start() {
      await node.start()
      svids.restore()
      await node.connect()
    },
    stop() {
      workloads.stop()
      expiry.stop()
      signals.stop()
      svids.stop()
      keys.stop()
      node.stop()
    },
  }
}
