import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerConfigInput, serverConfig, startServer } from '@lanyard/server'

export interface AuthorityOptions {
  readonly config: ServerConfigInput
  /** A folder that outlives the process; a temporary one when absent. */
  readonly data?: string
  readonly passphrase?: string
}

/** What everyone must know of an authority. */
export interface AuthorityInfo {
  readonly url: string
  readonly rootPem: string
  readonly rootSha256: string
  /** Null on a second instance: the first one has told it. */
  readonly adminKey: string | null
}

export interface AuthorityRole {
  info(): AuthorityInfo
  close(): Promise<void>
}

// The bench asks how fast, not how fair. Idle connections are part of it.
const UNLIMITED = { rate_per_minute: 0, handshakes_per_sec: 1_000_000, connections: 100_000, idle_timeout_ms: 600_000 }

/** The real server, in this process. */
export async function startAuthority({ config, data, passphrase }: AuthorityOptions): Promise<AuthorityRole> {
  const folder = data ?? join(mkdtempSync(join(tmpdir(), 'lanyard-bench-')), 'data')
  const wanted = serverConfig({
    listen: '127.0.0.1:0',
    log: { level: 'error' },
    ...config,
    limits: UNLIMITED,
    data: folder,
  })
  const server = await startServer(wanted, { env: passphrase === undefined ? {} : { LANYARD_PASSPHRASE: passphrase } })
  const info: AuthorityInfo = {
    url: server.url,
    rootPem: readFileSync(server.rootFile, 'utf8'),
    rootSha256: server.rootSha256,
    adminKey: server.adminKeyFile === null ? null : readFileSync(server.adminKeyFile, 'utf8').trim(),
  }
  return {
    info: () => info,
    async close() {
      await server.close()
      if (data === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
