import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerConfigInput } from '@lanyard/server'
import { startPostgres, startRedis } from '@lanyard/server/testing'
import type { Case } from './case.ts'
import type { GateOptions, GateRole } from './roles/gate.ts'
import { Host, type Remote } from './rpc.ts'

/** What instances share: a database, perhaps Redis, perhaps a balancer before them. */
export interface Backing {
  readonly methods: readonly string[]
  /** Of the balancer; 0 without one. */
  readonly port: number
  /** The settings by which the instance `at` finds it all. */
  configOf(at: number): ServerConfigInput
  /** New connections go to the first of these ports that takes them. */
  lead(ports: readonly number[]): Promise<void>
  /** Ends the process at the commit of the next kill of the instance `at`; back with that moment. */
  strike(at: number, pid: number): Promise<number>
  close(): Promise<void>
}

const SOCKET = '.s.PGSQL.5432'

/** A PostgreSQL that syncs to the disk, and what the case puts around it. */
export async function openBacking({ redis, dies, instances }: Case): Promise<Backing> {
  await using undo = new AsyncDisposableStack()
  const postgres = undo.adopt(await startPostgres({ within: tmpdir() }), each => each.remove())
  const [{ server_version: version }] = (await postgres.admin('show server_version')) as [{ server_version: string }]
  const database = await postgres.createDatabase()
  const bus = redis ? undo.adopt(await startRedis(), each => each.remove()) : null
  const gate = dies ? await Gate.open(database, instances) : null
  undo.defer(() => gate?.close())
  const up = undo.move()
  return {
    methods: [
      `PostgreSQL ${version}, fsync and synchronous_commit on, on disk${redis ? '; Redis' : '; no Redis'}`,
      ...(gate ? [Gate.method] : []),
    ],
    port: gate?.port ?? 0,
    configOf: at => ({ store: gate?.stores[at] ?? database, ...(bus && { redis: bus.url }) }),
    lead: async ports => await gate?.role.lead(ports),
    strike: (at, pid) => gate!.role.strike(at, pid),
    close: () => up.disposeAsync(),
  }
}

/** The balancer before the instances, and the wires to their database, in a process of its own. */
class Gate {
  static readonly method =
    'a balancer of TCP connections before both instances; the wire to the database is watched, and the instance ended by SIGKILL when the database says COMMIT: it never reads that. All services follow the one that dies'

  readonly stores: readonly string[]
  readonly role: Remote<GateRole>
  readonly port: number
  readonly #host: Host
  readonly #folders: readonly string[]

  private constructor(
    host: Host,
    role: Remote<GateRole>,
    port: number,
    stores: readonly string[],
    folders: readonly string[],
  ) {
    this.#host = host
    this.role = role
    this.port = port
    this.stores = stores
    this.#folders = folders
  }

  static async open(database: string, instances: number): Promise<Gate> {
    const folders = Array.from({ length: instances }, () => mkdtempSync(join(tmpdir(), 'lanyard-wire-')))
    const host = new Host()
    const role = await host.start<GateRole>('gate', 'gate', {
      database: join(folderOf(database), SOCKET),
      sockets: folders.map(folder => join(folder, SOCKET)),
    } satisfies GateOptions)
    const stores = folders.map(folder => throughFolder(database, folder))
    return new Gate(host, role, await role.port(), stores, folders)
  }

  async close(): Promise<void> {
    await this.#host.kill()
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
  }
}

const SOCKET_URL = /^(postgres:\/\/[^@]+@)([^/]+)(\/.*)$/

const folderOf = (url: string): string => decodeURIComponent(SOCKET_URL.exec(url)![2]!)

const throughFolder = (url: string, folder: string): string =>
  url.replace(SOCKET_URL, (_, user, __, database) => `${user}${encodeURIComponent(folder)}${database}`)
