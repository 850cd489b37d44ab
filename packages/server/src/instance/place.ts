import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import type { ServerConfig } from '../config.ts'
import { createPrivateFile, readPrivateFile } from '../keys/private-files.ts'
import type { OpenStore, StoreFacts } from '../store/ports.ts'
import { openPostgresStore } from '../store/postgres/open.ts'
import { beginStart, type Start } from '../store/postgres/peek.ts'
import { openSqliteStore } from '../store/sqlite/open.ts'
import { peekSqliteStore } from '../store/sqlite/peek.ts'

/** In the data folder of an instance that is alone. */
export const STORE_FILE = 'lanyard.db'
/** In the data folder of an instance whose store is elsewhere: its UUID and a newline. */
const INSTANCE_FILE = 'instance.id'

/** Where a store is kept. */
export interface Place {
  /** Whether other instances may use it too. */
  readonly shared: boolean
  /** What the store says of itself, with nothing changed; null for one that is yet to be made. */
  look(): Promise<StoreFacts | null>
  open(trustDomain: string): Promise<OpenStore>
  /** Lets other instances start. Again without effect. */
  started(): Promise<void>
}

/**
 * The place that the settings name. Throws `config_invalid` for the data folder of the other kind: to begin a new
 * authority beside the one that was meant would be a guess.
 */
export function placeOf({ data, store: url }: Pick<ServerConfig, 'data' | 'store'>, clock: Clock): Place {
  const file = join(data, STORE_FILE)
  const instanceFile = join(data, INSTANCE_FILE)
  if (url === null && existsSync(instanceFile))
    throw new LanyardError('config_invalid', `store: ${data} is of an instance with a store elsewhere, got none`)
  if (url !== null && existsSync(file))
    throw new LanyardError('config_invalid', `store: ${data} holds a store already, got another`)
  return url === null ? inFile(file, clock) : inPostgres(url, instanceFile, clock)
}

const inFile = (path: string, clock: Clock): Place => ({
  shared: false,
  look: async () => peekSqliteStore(path),
  open: trustDomain => openSqliteStore({ path, trustDomain, clock }),
  started: async () => {},
})

function inPostgres(url: string, instanceFile: string, clock: Clock): Place {
  let start: Start | null = null
  return {
    shared: true,
    async look() {
      start = await beginStart(url)
      return start.facts
    },
    open: trustDomain => openPostgresStore({ url, trustDomain, instance: ownInstance(instanceFile), clock }),
    started: async () => await start?.end(),
  }
}

/** The UUID of the instance that this data folder is of, made at its first start. */
function ownInstance(file: string): string {
  const text = readPrivateFile(file)
  if (text === null) {
    const fresh = randomUUID()
    createPrivateFile(file, `${fresh}\n`)
    return fresh
  }
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/.test(text)) return text.trimEnd()
  throw new LanyardError('store_damaged', `expected a UUID and a newline in ${file}`)
}
