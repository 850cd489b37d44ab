import { createHash } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import pg from 'pg'
import type { Runnable } from '../statement.ts'
import { failureOfQuery, SessionLost, unavailable } from './failure.ts'
import { types } from './types.ts'

/** The schema that all tables lie in, so that a database may have others beside. */
export const SCHEMA = 'lanyard'

/** Statements that one session keeps prepared at most; what filters make up beyond is parsed each time. */
const PREPARED_MAX = 500

/** How long a connection may take to be made, an answer to come, and a connection to end, in milliseconds. */
const CONNECT_MS = 2000
const ANSWER_MS = 12_000
const GOODBYE_MS = 1000

/**
 * A transaction whose process stops holds its locks for a second, and no kill longer than that. Waiting for a lock ends
 * before a statement does, a statement before the wait for its answer. A host that vanished is given up after ten seconds.
 */
const SETTINGS: Readonly<Record<string, string | number>> = {
  search_path: SCHEMA,
  default_transaction_isolation: "'read committed'",
  idle_in_transaction_session_timeout: 1000,
  lock_timeout: 2000,
  statement_timeout: 10_000,
  tcp_keepalives_idle: 5,
  tcp_keepalives_interval: 2,
  tcp_keepalives_count: 3,
  tcp_user_timeout: 10_000,
  client_min_messages: 'error',
  bytea_output: 'hex',
  // Compiling costs more than any statement of ours.
  jit: 'off',
}

const SET = Object.entries(SETTINGS)
  .map(([name, value]) => `set ${name} = ${value}`)
  .join(';')

/** A statement that waits ends when its process does. Not every system of a server can tell that. */
const CHECK = 'set client_connection_check_interval = 1000'

const STANDING = `select pg_is_in_recovery() as replica, current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes, current_setting('synchronous_commit') as synchronous_commit`

/** One connection. Queries are answered in their order and may be sent before the one before is answered. */
export class Session {
  readonly #client: pg.Client
  readonly #prepared = new Map<string, string>()
  #lost = false

  private constructor(client: pg.Client) {
    this.#client = client
    client.on('error', () => {
      this.#lost = true
    })
    client.on('end', () => {
      this.#lost = true
    })
  }

  /**
   * Connects to a primary that keeps what it acknowledges. Throws `store_unavailable`, `store_replica`,
   * `store_not_durable`.
   */
  static async connect(url: string): Promise<Session> {
    const client = clientOf(url)
    const session = new Session(client)
    try {
      await client.connect()
      await session.run(SET)
      await session.run(CHECK).catch(() => {})
      requireStanding((await session.run(STANDING))[0]!)
      return session
    } catch (error) {
      await session.close()
      if (error instanceof LanyardError) throw error
      const cause = error instanceof SessionLost ? error.cause : error
      throw unavailable(`expected to connect to ${placeOf(client)}, got: ${whyNot(cause)}`, cause)
    }
  }

  /** Whether it is over; a session of which one call failed in an unknown state is ended by its owner. */
  get lost(): boolean {
    return this.#lost
  }

  /** Number of the process that serves it. */
  get pid(): number {
    return (this.#client as unknown as { processID: number }).processID
  }

  /** Answers a statement as an engine must. Throws `SessionLost` or `StatementFailed`. */
  async answer({ sql, parameters, answers }: Runnable): Promise<unknown> {
    const result = await this.#query({ name: this.#nameOf(sql), text: sql, values: parameters as unknown[] })
    return answers === 'rows' ? result.rows : (result.rowCount ?? 0)
  }

  /** Runs SQL without parameters, one statement or many; gives the rows of the last. */
  async run(sql: string): Promise<readonly Record<string, unknown>[]> {
    return [await this.#query({ text: sql })].flat().at(-1)?.rows ?? []
  }

  /** Throws also when the transaction had failed, for which the database says ROLLBACK and no error. */
  async commit(): Promise<void> {
    const { command } = await this.#query({ name: 'commit', text: 'commit' })
    if (command === 'COMMIT') return
    this.destroy()
    throw new SessionLost(new Error(`expected COMMIT, got ${command}`))
  }

  /** Again without effect. */
  async close(): Promise<void> {
    if (this.#lost) return this.destroy()
    this.#lost = true
    // A host that vanished never says goodbye.
    const late = setTimeout(() => this.destroy(), GOODBYE_MS)
    await this.#client.end().catch(() => {})
    clearTimeout(late)
  }

  /** Ends it at once, whatever is under way. */
  destroy(): void {
    this.#lost = true
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } }
    connection.stream.destroy()
  }

  async #query(query: pg.QueryConfig): Promise<pg.QueryResult> {
    try {
      return await this.#client.query(query)
    } catch (error) {
      const failure = failureOfQuery(error)
      if (failure instanceof SessionLost) this.destroy()
      throw failure
    }
  }

  #nameOf(sql: string): string | undefined {
    const known = this.#prepared.get(sql)
    if (known !== undefined || this.#prepared.size >= PREPARED_MAX) return known
    const name = createHash('sha256').update(sql).digest('base64url')
    this.#prepared.set(sql, name)
    return name
  }
}

function clientOf(url: string): pg.Client {
  try {
    return new pg.Client({
      connectionString: url,
      application_name: 'lanyard',
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5000,
      pipeline: true,
      types,
    } as pg.ClientConfig)
  } catch {
    // Not the cause: it could quote the URL, and that has a password.
    throw new LanyardError('config_invalid', 'store: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE')
  }
}

/** Without the password. */
const placeOf = ({ user, host, port, database }: pg.Client): string =>
  `database ${database} at ${host}:${port} as ${user}`

/** What the database says of a login, or the system of a connection, names no row and no password. */
function whyNot(cause: unknown): string {
  const { code, message } = cause as { readonly code?: string; readonly message?: string }
  if (cause instanceof pg.DatabaseError) return `${message} (SQLSTATE ${code})`
  return message || code || 'no answer'
}

function requireStanding(standing: Record<string, unknown>): void {
  if (standing.replica === true) throw new LanyardError('store_replica', 'expected the primary database, got a replica')
  const off = ['fsync', 'full_page_writes', 'synchronous_commit'].filter(name => standing[name] === 'off')
  if (off.length > 0)
    throw new LanyardError(
      'store_not_durable',
      `expected the database to keep what it acknowledges, got ${off.join(', ')} off`,
    )
}
