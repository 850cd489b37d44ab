import { join } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'
import type { RunningDaemon } from '@lanyard/daemon'
import { loadConfig, type RunningServer, type ServerConfig, startServer } from '@lanyard/server'
import { command, type Options, type Outcome, text } from '../../command.ts'
import type { Io } from '../../io.ts'
import { card } from '../../layout.ts'
import { SAME_USER, sharedUser } from '../../same-user.ts'
import { untilAborted } from '../../until-aborted.ts'
import { closeEmptyFolder } from './data-folder.ts'
import { firstSteps } from './first-steps.ts'
import { CONFIG_OPTION, SETTING_OPTIONS, settingsAmong } from './settings-options.ts'

const WORKLOAD_API = {
  'workload-api': text(
    'unix:///PATH|none',
    'Where to serve the SPIFFE Workload API (Linux); where not given, workload-api.sock in the data folder if only this machine can call the authority',
  ),
} as const satisfies Options

export const up = command({
  name: 'up',
  summary: 'Start an authority; an empty folder is initialised first.',
  about:
    'Settings come from options, from the environment and from lanyard.yaml, in this order.\nA passphrase for the keys comes by LANYARD_PASSPHRASE or LANYARD_PASSPHRASE_FILE alone.\nSIGTERM or Ctrl-C stops in good order.',
  operands: [],
  options: { ...CONFIG_OPTION, ...WORKLOAD_API, ...SETTING_OPTIONS },
  examples: [
    { line: 'lanyard up', does: 'An authority on 127.0.0.1:8443, its data in ./lanyard-data.' },
    {
      line: 'lanyard up --data /srv/lanyard --listen 0.0.0.0:8443 --hosts id.example.org --trust-domain example.org',
      does: 'For other machines, under a name of your own.',
    },
    {
      line: 'lanyard up --workload-api unix:///tmp/agents/api.sock',
      does: 'With the Workload API for programs in any language where you want it.',
    },
    { line: 'lanyard up --listen 127.0.0.1:0 --json', does: 'For a program: one line of JSON once it is ready.' },
  ],
  run: async ({ options, io, emit, note }) => {
    // From here on a signal means: stop in good order, also while starting.
    const stopped = io.stopped()
    const { config, file } = loadConfig({
      flags: settingsAmong(options),
      env: io.env,
      cwd: io.cwd,
      file: options.config as string | undefined,
      // A person at a terminal wants to read the log; a program that collects it wants all of it.
      otherwise: io.err.isTTY ? { 'log-format': 'text', 'log-level': 'warn' } : {},
    })
    if (file !== null) note(`settings from ${file}`)
    if (closeEmptyFolder(config.data)) note(`closed the empty folder ${config.data} to others (mode 700)`)
    await using running = new AsyncDisposableStack()
    const server = await startServer(config, { env: io.env })
    running.defer(() => server.close())
    for (const warning of warningsOf(server)) note(`warning: ${warning}`)
    const daemon = await daemonFor(options['workload-api'] as string | undefined, server, config, note)
    if (daemon !== null) running.defer(() => daemon.close())
    emit(ready(server, daemon, io))
    await untilAborted(stopped)
    return undefined
  },
})

/** The daemon beside the server; null: none. One that nobody asked for stops no authority from starting. */
async function daemonFor(
  given: string | undefined,
  server: RunningServer,
  config: ServerConfig,
  note: (text: string) => void,
): Promise<RunningDaemon | null> {
  const address = addressFor(given, config)
  if (address === null) return null
  try {
    const { ONE_USER, startLocalDaemon } = await import('./workload-api.ts')
    const daemon = await startLocalDaemon({ address, server, config })
    note(`note: ${ONE_USER}`)
    return daemon
  } catch (error) {
    if (given !== undefined || !(error instanceof LanyardError)) throw error
    note(`note: no Workload API is served: ${error.code}: ${error.message}`)
    return null
  }
}

/**
 * Where the Workload API is served; null: nowhere. An authority that others call is no laptop: it serves none unasked, and
 * needs no native code in its process.
 */
function addressFor(given: string | undefined, { data, listen }: ServerConfig): string | null {
  if (given !== undefined) return given === 'none' ? null : given
  const path = join(data, 'workload-api.sock')
  const fits = Buffer.byteLength(path) <= LONGEST_SOCKET_PATH
  return process.platform === 'linux' && LOOPBACK.has(listen.host) && fits ? `unix://${path}` : null
}

/** unix(7): what fits beside the end of the string. */
const LONGEST_SOCKET_PATH = 107
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])

function warningsOf(server: RunningServer): string[] {
  const user = sharedUser()
  return [...server.warnings, ...(user === null ? [] : [`running as ${user}: ${SAME_USER}`])]
}

function ready(server: RunningServer, daemon: RunningDaemon | null, io: Io): Outcome {
  return {
    json: {
      event: 'ready',
      url: server.url,
      trust_domain: server.trustDomain,
      root_sha256: server.rootSha256,
      root_file: server.rootFile,
      admin_key_file: server.adminKeyFile,
      ...(daemon === null ? {} : { workload_api: daemon.workloadApi, admin_socket: daemon.adminSocket }),
    },
    text: paint => {
      const key = server.adminKeyFile
      const rows = [
        ['url', server.url],
        ['trust', server.trustDomain],
        ['root', `${server.rootSha256}  (SHA-256; ${server.rootFile})`],
        ...(daemon === null
          ? []
          : [
              ['socket', `${daemon.workloadApi}  (SPIFFE_ENDPOINT_SOCKET)`],
              ['admin', `${daemon.adminSocket}  (LANYARD_ADMIN_SOCKET)`],
            ]),
        ...(key === null ? [] : [['key', `${key}  (first admin key: keep it elsewhere, then delete the file)`]]),
      ] as [string, string][]
      return [
        `${paint.good('ready')}`,
        card(rows, paint),
        '',
        firstSteps({ ...server, workloadApi: daemon?.workloadApi ?? null }, io, paint),
      ].join('\n')
    },
  }
}
