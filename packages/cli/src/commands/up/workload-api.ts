import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'
import { daemonConfig, type RunningDaemon, startDaemon } from '@lanyard/daemon'
import { certificatesOf } from '@lanyard/sdk/authority'
import type { RunningServer, ServerConfig } from '@lanyard/server'
import { VERSION } from '../../version.ts'
import { requireLinux } from '../daemon/platform.ts'

/** Name of the node that `up` makes of its own machine, where that is free. */
const NODE = 'local'

/** Said to whoever starts it where all is one user. */
export const ONE_USER =
  'the Workload API of this laptop tells processes of one user apart by what they run: that keeps honest programs apart and nothing more'

export interface LocalDaemon {
  /** `unix:///PATH`, or a path. */
  readonly address: string
  readonly server: RunningServer
  readonly config: ServerConfig
}

/**
 * Starts a daemon beside the server, in this process: the machine is a node without a person doing anything.
 *
 * @throws LanyardError `platform_unsupported`, and those of {@link startDaemon}
 */
export async function startLocalDaemon({ address, server, config }: LocalDaemon): Promise<RunningDaemon> {
  requireLinux()
  const data = join(config.data, 'daemon')
  if (isOfAnother(join(data, 'node.json'), server.rootSha256)) rmSync(data, { recursive: true, force: true })
  const settings = daemonConfig(
    {
      authority: server.url,
      root_sha256: server.rootSha256,
      socket: addressOf(address, process.cwd()),
      admin_socket: join(config.data, 'admin.sock'),
      data,
      log_level: config.log.level === 'silent' ? 'silent' : 'warn',
      log_format: config.log.format,
    },
    config.data,
  )
  const start = (name: string) =>
    startDaemon(settings, { joinToken: () => server.makeJoinToken(name), version: VERSION })
  try {
    return await start(NODE)
  } catch (error) {
    // Another instance on the same store, or an earlier one whose folder is gone.
    if (!(error instanceof LanyardError) || error.code !== 'node_exists') throw error
    return await start(`${NODE}-${randomBytes(4).toString('hex')}`)
  }
}

/** Whether a node on disk belongs to an authority that is no more: one with keys in memory, or one whose store was removed. */
function isOfAnother(file: string, rootSha256: string): boolean {
  if (!existsSync(file)) return false
  try {
    const { bundle } = JSON.parse(readFileSync(file, 'utf8')) as { bundle: string }
    const roots = certificatesOf(bundle).map(({ der }) => createHash('sha256').update(der).digest('hex'))
    return !roots.includes(rootSha256)
  } catch {
    return true
  }
}

const addressOf = (socket: string, cwd: string) =>
  socket.startsWith('unix:') || socket.startsWith('tcp:') ? socket : `unix://${resolve(cwd, socket)}`
