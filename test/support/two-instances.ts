import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '@lanyard/server/testing'
import { type LanyardUp, lanyardUp, type UpOptions } from './lanyard-up.ts'
import { layWire, type Wire } from './wire.ts'

/** Two instances of one authority, each a process of its own, on one PostgreSQL. */
export interface TwoInstances {
  readonly a: LanyardUp
  readonly b: LanyardUp
  readonly postgres: PostgresServer
  readonly redis: RedisServer | null
  /** Between `a` and the database. */
  readonly wire: Wire
  /** What a further instance is started with. */
  readonly options: UpOptions
  remove(): Promise<void>
}

const SOCKET = '.s.PGSQL.5432'

/** Starts them, both with `flags`. */
export async function twoInstances({ redis = false, flags = [] as readonly string[] } = {}): Promise<TwoInstances> {
  const postgres = await startPostgres({})
  const url = new URL(await postgres.createDatabase())
  const bus = redis ? await startRedis() : null
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-wire-'))
  const wire = await layWire(join(folder, SOCKET), join(decodeURIComponent(url.hostname), SOCKET))
  const through = `${url}`.replace(url.hostname, encodeURIComponent(folder))
  const env = { LANYARD_PASSPHRASE: 'of a story' }
  const all = [...flags, ...(bus ? ['--redis', bus.url] : [])]
  const a = await lanyardUp({ env, flags: ['--store', through, ...all] })
  const options: UpOptions = { env, flags: ['--store', `${url}`, ...all], adminKey: a.adminKey }
  const b = await lanyardUp(options)
  return {
    a,
    b,
    postgres,
    redis: bus,
    wire,
    options,
    async remove() {
      wire.heal()
      await Promise.all([a.remove(), b.remove()])
      await wire.close()
      await Promise.all([postgres.remove(), bus?.remove()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
