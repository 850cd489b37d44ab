import { LanyardError } from '@lanyard/api'
import { migrations } from '../migrations/index.ts'
import type { StoreFacts } from '../ports.ts'
import { hold } from './fence.ts'
import { lockKey } from './locks.ts'
import { versionOf } from './migrate.ts'
import { Session } from './session.ts'

/** How long another instance may take to start, in milliseconds. */
const PATIENCE_MS = 30_000

/** The start of one instance: while it lasts, no other makes keys for the same store. */
export interface Start {
  /** What the store says of itself; null: it has nothing yet. */
  readonly facts: StoreFacts | null
  /** Lets others start. Again without effect. */
  end(): Promise<void>
}

/**
 * Looks at a store without changing it, and keeps other instances from starting until `end`. Throws `config_invalid`,
 * `data_in_use`, `store_damaged`, `store_newer`, `store_not_durable`, `store_replica`, `store_unavailable`.
 */
export async function beginStart(url: string): Promise<Start> {
  const session = await Session.connect(url)
  try {
    if (!(await hold(session, lockKey('start'), PATIENCE_MS)))
      throw new LanyardError('data_in_use', 'another instance has been starting on this database for too long')
    return { facts: await readFacts(session), end: () => session.close() }
  } catch (error) {
    await session.close()
    throw error
  }
}

async function readFacts(session: Session): Promise<StoreFacts | null> {
  const version = await versionOf(session)
  if (version === null) return null
  if (version > migrations.length)
    throw new LanyardError('store_newer', `expected schema version ${migrations.length} at most, got ${version}`)
  const [domain] = await session.run('select name from trust_domains order by id limit 1')
  if (domain === undefined) return null
  const meta = await session.run('select key, value from meta')
  return {
    trustDomain: String(domain.name),
    meta: new Map(meta.map(({ key, value }) => [String(key), String(value)])),
  }
}
