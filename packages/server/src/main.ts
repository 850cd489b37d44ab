import { type Act, type Clock, type Dice, eventOf, shared } from '@lanyard/authority'
import type { ServerConfig } from './config.ts'
import { createHttp } from './http/create-http.ts'
import type { Log } from './http/ports.ts'
import { ensureAdminKey } from './instance/admin-key.ts'
import { pooledDice } from './instance/dice.ts'
import { httpParts } from './instance/http-parts.ts'
import { startJobs } from './instance/jobs.ts'
import { makeJoinToken } from './instance/join-token.ts'
import { createLog } from './instance/log.ts'
import { openAuthorities } from './instance/open-authorities.ts'
import { type Data, openData } from './instance/open-data.ts'
import { openFeed } from './instance/open-feed.ts'
import { openIncidents } from './instance/open-incidents.ts'
import { fingerprintOf, writeRootFile } from './instance/root-file.ts'
import { readSetup } from './instance/setup.ts'
import { systemTimers, type Timers } from './instance/timers.ts'
import { warningsOf } from './instance/warnings.ts'
import { countReceipts } from './observe/answers.ts'
import { watchInstance } from './observe/gauges.ts'
import { measuredData } from './observe/measured-store.ts'
import { serverMeters } from './observe/server-meters.ts'

/** What the server takes from outside. What is left out is the real thing. */
export interface ServerIo {
  /** Read for LANYARD_PASSPHRASE and LANYARD_PASSPHRASE_FILE alone. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock?: Clock
  readonly timers?: Timers
  readonly dice?: Dice
  readonly log?: Log
}

export interface RunningServer {
  /** `https://HOST:PORT`, as a client on this machine calls it. */
  readonly url: string
  readonly trustDomain: string
  /** UUID. */
  readonly instance: string
  /** Hex of the SHA-256 of the root's DER. */
  readonly rootSha256: string
  readonly rootFile: string
  /** The file with the first admin key, while it is there. */
  readonly adminKeyFile: string | null
  /**
   * What the owner should know, one sentence each, for the caller to show; `unsealed: …` where keys are not under a
   * passphrase.
   */
  readonly warnings: readonly string[]
  /** A join token for a node of this name that serves all tenants. Throws `name_invalid`, `node_exists`. */
  makeJoinToken(name: string): Promise<string>
  /** Answers what is under way, then ends. Again without effect. */
  close(): Promise<void>
}

/**
 * Starts a server on its data folder, making what a new one needs. It rather refuses than guesses, with the code that
 * says why: `config_invalid`, `permissions_too_wide`, `data_in_use`, `store_newer`, `store_foreign`, `store_damaged`,
 * `store_replica`, `store_not_durable`, `store_unavailable`, `passphrase_required`, `passphrase_wrong`,
 * `passphrase_unexpected`, `keys_missing`, `instance_evicted`, `address_in_use`.
 */
export async function startServer(config: ServerConfig, io: ServerIo): Promise<RunningServer> {
  const parts = withDefaults(config, io)
  const { clock } = parts
  // Undone in reverse, also when a later step fails.
  await using undo = new AsyncDisposableStack()
  const setup = readSetup(config, io.env)
  const meters = serverMeters()
  const data = measuredData(await openData(setup, clock), meters)
  undo.defer(() => data.close())
  let serving = false
  undo.defer(async () => (serving ? await tell('server.stopped', data, clock) : undefined))
  const authorities = await openAuthorities(data, setup, parts)
  const rootFile = writeRootFile(config.data, authorities.rootsPem())
  const adminKeyFile = await ensureAdminKey(config.data, data, parts)
  await data.started()
  const { feed, presence, nodeNews, policies } = await openFeed(data, authorities, config, parts)
  undo.defer(() => feed.stop())
  undo.defer(() => nodeNews.stop())
  undo.defer(() => policies.stop())
  const incidents = openIncidents(data, authorities, feed, config.retention, {
    ...parts,
    closed: countReceipts(meters),
  })
  undo.defer(() => incidents.stop())
  presence.onEvicted(() => void incidents.stop())
  const http = createHttp({
    ...httpParts(setup, data, authorities, policies, parts),
    feed,
    nodeNews,
    incidents,
    meters,
    evicted: () => presence.evicted,
  })
  watchInstance(meters, { feed, incidents, clock })
  authorities.onServerTls(tls => http.setTls(tls))
  undo.defer(() => http.close(config.limits.shutdown_ms))
  const { port } = await http.listen(config.listen.host, config.listen.port)
  if (config.proxy.socket !== null) await http.listenForProxy(config.proxy.socket)
  const stopJobs = startJobs({
    ...parts,
    data,
    authorities,
    incidents,
    presence,
    retention: config.retention,
    nodes: setup.nodes,
  })
  undo.defer(stopJobs)
  const warnings = warningsOf({
    protection: data.keys.protection,
    folder: config.data,
    passphraseFile: io.env.LANYARD_PASSPHRASE_FILE,
    root: authorities.roots()[0]!,
    newestKeyAt: authorities.newestKeyAt(),
    at: clock.now(),
    believedAddresses: config.proxy.dangerously_trust_addresses,
  })
  await tell('server.started', data, clock, { protection: data.keys.protection })
  serving = true
  const running = undo.move()
  let closed: Promise<void> | null = null
  return {
    url: urlOf(config.listen.host, port),
    trustDomain: data.trustDomain,
    instance: data.instance,
    rootSha256: fingerprintOf(authorities.roots()[0]!),
    rootFile,
    adminKeyFile,
    warnings,
    makeJoinToken: name => makeJoinToken(name, { ...parts, data, nodes: setup.nodes }),
    close: () => (closed ??= running.disposeAsync()),
  }
}

type Parts = Required<Omit<ServerIo, 'env'>>

const withDefaults = (config: ServerConfig, io: ServerIo): Parts => ({
  clock: io.clock ?? { now: () => Date.now() },
  timers: io.timers ?? systemTimers,
  dice: io.dice ?? pooledDice(),
  log: io.log ?? createLog(config.log),
})

async function tell(type: 'server.started' | 'server.stopped', { store, rows }: Data, clock: Clock, detail = {}) {
  const act = { caller: 'server', at: clock.now(), source: null, correlation: null } satisfies Act
  await store.write(() => rows.events.append(eventOf(act, type, {}, detail)), shared())
}

/** How a client on the same machine calls a server that listens there; every address is called by one of them. */
export function urlOf(host: string, port: number): string {
  const called = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `https://${called.includes(':') ? `[${called}]` : called}:${port}`
}
