import { randomUUID } from 'node:crypto'
import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import { ChainHeads, HeadsInTurn, type Standing } from '../chains.ts'
import { postgresDialect } from '../dialect.ts'
import { runStepSlowly, StatementFailed } from '../engine.ts'
import type { ChainName, OpenStore } from '../ports.ts'
import { pruner } from '../prune.ts'
import { chainEnds } from '../rows/chain-ends.ts'
import { storeRows } from '../rows/index.ts'
import { Statements } from '../statement.ts'
import { chainVerifier } from '../verify-chain.ts'
import { Connector } from './connector.ts'
import { PostgresEngine } from './engine.ts'
import { reasonOf, sqlState } from './failure.ts'
import { fence } from './fence.ts'
import { migrate } from './migrate.ts'
import { Readers } from './readers.ts'
import { Session } from './session.ts'
import { parameterized } from './statements.ts'
import { Writer } from './writer.ts'

export interface PostgresOptions {
  /** `postgres://…`; it may hold a password, so it is never told. */
  readonly url: string
  /** Name of the trust domain; the store is of this one for ever. */
  readonly trustDomain: string
  /** UUID of this instance. No two processes may have the same. */
  readonly instance: string
  readonly clock: Clock
}

/**
 * Opens or makes a store in a PostgreSQL that other instances may use too. Throws, having changed nothing:
 * `config_invalid`, `data_in_use`, `store_damaged`, `store_foreign`, `store_newer`, `store_not_durable`,
 * `store_replica`, `store_unavailable`.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<OpenStore> {
  await using undo = new AsyncDisposableStack()
  const connect = async () => {
    const session = await Session.connect(options.url)
    undo.defer(() => session.close())
    return session
  }
  try {
    const main = await connect()
    const trustDomainId = await migrate(main, { trustDomain: options.trustDomain, at: options.clock.now() })
    const own = await writersOf(main, options)
    await fence(main, own.main.uuid, null)
    const urgent = await connect()
    await fence(urgent, own.urgent.uuid, null)
    const open = await assemble(options, trustDomainId, [main, own.main], [urgent, own.urgent])
    undo.move()
    return open
  } catch (error) {
    throw refusalOf(error)
  }
}

interface OwnRow {
  readonly id: number
  readonly uuid: string
}

async function assemble(
  { url, trustDomain }: PostgresOptions,
  trustDomainId: number,
  ...[main, urgent]: [[Session, OwnRow], [Session, OwnRow]]
): Promise<OpenStore> {
  const statements = new Statements(postgresDialect)
  const turn = new HeadsInTurn()
  const context = { statements, heads: turn, trustDomain: trustDomainId }
  const connector = new Connector(url)
  const ends = chainEnds({ statements })
  const writer = async ([session, { id, uuid }]: readonly [Session, OwnRow]) => {
    const standing = async (on: Session): Promise<Standing> => {
      const head = (chain: ChainName) =>
        runStepSlowly(
          () => ends.head(uuid, chain),
          statement => on.answer(statement),
          body => body(),
        )
      return { audit: await head('audit'), issuance: await head('issuance') }
    }
    const heads = new ChainHeads(uuid, id, await standing(session))
    return new Writer({ connector, trustDomain, heads, turn, standing }, session)
  }
  const engine = new PostgresEngine(await writer(main), await writer(urgent), new Readers(connector))
  const watch = new Readers(connector)
  return {
    store: engine,
    watch,
    rows: storeRows(context),
    trustDomain,
    instance: main[1].uuid,
    writers: [main[1].uuid, urgent[1].uuid],
    prune: pruner(engine, context),
    verifyChain: chainVerifier(engine, context),
    async close() {
      await watch.close()
      await engine.close()
    },
  }
}

/** The rows of this instance and of its second writer, made when they are not there. */
async function writersOf(
  session: Session,
  { instance, clock }: PostgresOptions,
): Promise<{ main: OwnRow; urgent: OwnRow }> {
  const at = clock.now()
  const insert = `insert into instances (uuid, created_at, writer_of) values ($1, $2, $3) on conflict do nothing`
  const row = async (where: string, value: unknown) => {
    const sql = `select id, uuid from instances where ${where} = $1`
    return ((await session.answer(parameterized(sql, [value], 'rows'))) as OwnRow[])[0]
  }
  const own = async (where: string, value: unknown, uuid: string, writerOf: number | null) => {
    const known = await row(where, value)
    if (known) return known
    await session.answer(parameterized(insert, [uuid, at, writerOf]))
    return (await row(where, value))!
  }
  const main = await own('uuid', instance, instance, null)
  return { main, urgent: await own('writer_of', main.id, randomUUID(), main.id) }
}

function refusalOf(error: unknown): unknown {
  if (error instanceof LanyardError) return error
  // 42P01, 42703: a table or column that should be there is not.
  if (error instanceof StatementFailed && ['42P01', '42703'].includes(sqlState(error.cause) ?? ''))
    return new LanyardError('store_damaged', 'this is not a database as Lanyard makes them', {}, { cause: error.cause })
  return reasonOf(error)
}
