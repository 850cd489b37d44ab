import { execFileSync } from 'node:child_process'
import { chownSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { eventually, fastFolder, folderFor, type Leashed, leashed, programOf, unprivileged } from './programs.ts'

export interface PostgresOptions {
  /** Whether it syncs to disk; the store refuses a database that does not. True unless told otherwise. */
  readonly fsync?: boolean
  /** Where its folder is made, for who measures what a sync costs; in memory, where there is such a place, when absent. */
  readonly within?: string
  /** Further settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A PostgreSQL server of a test, alone in its folder, reached by a Unix socket. */
export interface PostgresServer {
  /** Makes an empty database, owned by a role that may do no more than it must, and gives its URL. */
  createDatabase(options?: { template?: string }): Promise<string>
  /** The URL of a database by name, as the superuser. */
  adminUrl(database?: string): string
  /** Runs SQL as the superuser; gives the rows of the last statement. */
  admin(sql: string, database?: string): Promise<readonly Record<string, unknown>[]>
  /** Ends it as an administrator would (open transactions are undone), or as a crash does, and starts it again. */
  restart(how?: 'fast' | 'crash'): Promise<void>
  /** Ends it; {@link start} brings it back with its data. */
  stop(how?: 'fast' | 'crash'): Promise<void>
  start(): Promise<void>
  /** Starts it anew as a replica, without anything to follow, until {@link promote}. */
  demote(): Promise<void>
  promote(): Promise<void>
  /** Ends it and removes its data. Also happens when the process ends. */
  remove(): Promise<void>
}

/** Whom {@link PostgresServer.createDatabase} gives the database to. */
const ROLE = 'lanyard'

let shared: Promise<PostgresServer> | null = null

/**
 * Starts a PostgreSQL server. Without options there is one for the whole process, and calls share it; with options the
 * caller has one of its own.
 */
export function startPostgres(options?: PostgresOptions): Promise<PostgresServer> {
  if (options) return start(options)
  shared ??= start({})
  return shared
}

async function start(options: PostgresOptions): Promise<PostgresServer> {
  const server = new Server(options)
  await server.start()
  await server.admin(`create role ${ROLE} login`)
  return server
}

class Server implements PostgresServer {
  readonly #folder: string
  readonly #args: readonly string[]
  readonly #account = unprivileged()
  #leash: Leashed | null = null
  #databases = 0

  constructor({ fsync = true, within, settings = {} }: PostgresOptions) {
    this.#folder = within === undefined ? fastFolder('postgres') : folderFor('postgres', within)
    if (this.#account) chownSync(this.#folder, this.#account.uid, this.#account.gid)
    const initdb = ['-D', this.#data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    execFileSync(programOf('initdb'), initdb, { ...this.#account, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
    const all = {
      listen_addresses: '',
      unix_socket_directories: this.#folder,
      fsync: fsync ? 'on' : 'off',
      ...settings,
    }
    this.#args = ['-D', this.#data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
    process.once('exit', this.#removeNow)
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  async start(): Promise<void> {
    const leash = leashed(this.#folder, programOf('postgres'), this.#args, this.#account)
    this.#leash = leash
    await eventually('PostgreSQL', () => this.admin('select 1'), leash.ended)
  }

  async stop(how: 'fast' | 'crash' = 'fast'): Promise<void> {
    const leash = this.#leash
    if (!leash) return
    this.#leash = null
    // https://www.postgresql.org/docs/current/server-shutdown.html: SIGTERM alone would wait for every session to end.
    process.kill(this.#pid(), how === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await leash.exited()
  }

  async restart(how?: 'fast' | 'crash'): Promise<void> {
    await this.stop(how)
    await this.start()
  }

  async demote(): Promise<void> {
    await this.stop()
    const signal = join(this.#data, 'standby.signal')
    writeFileSync(signal, '')
    if (this.#account) chownSync(signal, this.#account.uid, this.#account.gid)
    await this.start()
  }

  async promote(): Promise<void> {
    await this.admin('select pg_promote()')
  }

  async createDatabase({ template = 'template0' } = {}): Promise<string> {
    const name = `test${++this.#databases}`
    await this.admin(`create database ${name} owner ${ROLE} template ${template}`)
    return this.#url(ROLE, name)
  }

  adminUrl(database = 'postgres'): string {
    return this.#url('postgres', database)
  }

  async admin(sql: string, database?: string): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.adminUrl(database) })
    // A server that ends says so to whoever is connected; the query fails with it.
    client.on('error', () => {})
    await client.connect()
    try {
      const results = [await client.query(sql)].flat()
      return results.at(-1)?.rows ?? []
    } finally {
      await client.end()
    }
  }

  async remove(): Promise<void> {
    process.removeListener('exit', this.#removeNow)
    await this.stop('crash')
    rmSync(this.#folder, { recursive: true })
  }

  #url(role: string, database: string): string {
    return `postgres://${role}@${encodeURIComponent(this.#folder)}/${database}`
  }

  #pid(): number {
    return Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0])
  }

  // The process is ending: nothing can be waited for any more.
  readonly #removeNow = () => {
    try {
      if (this.#leash && !this.#leash.ended()) process.kill(this.#pid(), 'SIGQUIT')
    } finally {
      rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20 })
    }
  }
}
