import { command, type Outcome } from '../../command.ts'
import { card } from '../../layout.ts'
import { untilAborted } from '../../until-aborted.ts'
import { VERSION } from '../../version.ts'
import { configIn, DAEMON_OPTIONS, joinTokenIn } from './options.ts'
import { requireLinux } from './platform.ts'

export const daemon = command({
  name: 'daemon',
  summary: 'Serve the SPIFFE Workload API on this machine, for programs in any language.',
  about:
    'The machine becomes a node by a join token (join_token_file, or LANYARD_JOIN_TOKEN) or by a certificate of its own\n(x509pop_cert and x509pop_key); later starts need neither. `delivery`, files for programs that know nothing of SPIFFE,\nis set in the file alone. SIGTERM or Ctrl-C stops in good order.',
  operands: [],
  options: DAEMON_OPTIONS,
  examples: [
    { line: 'lanyard daemon --config /etc/lanyard/daemon.yaml', does: 'As a systemd unit does it.' },
    {
      line: 'lanyard daemon --authority https://id.example.org:8443 --root-sha256 $ROOT --join-token-file ./token',
      does: 'A new node; the token comes from `lanyard join-token create`.',
    },
  ],
  run: async ({ options, io, emit }) => {
    requireLinux()
    const stopped = io.stopped()
    const config = configIn(options, io)
    const { startDaemon } = await import('@lanyard/daemon')
    const running = await startDaemon(config, {
      joinToken: joinTokenIn(io.env),
      version: VERSION,
      signal: stopped,
    }).catch(error => {
      if (stopped.aborted) return null
      throw error
    })
    if (running === null) return undefined
    try {
      emit(ready(running))
      await untilAborted(stopped)
    } finally {
      await running.close()
    }
    return undefined
  },
})

interface Ready {
  readonly workloadApi: string
  readonly adminSocket: string
  readonly trustDomain: string
  readonly nodeId: string
}

const ready = ({ workloadApi, adminSocket, trustDomain, nodeId }: Ready): Outcome => ({
  json: {
    event: 'ready',
    workload_api: workloadApi,
    admin_socket: adminSocket,
    trust_domain: trustDomain,
    node: nodeId,
  },
  text: paint =>
    [
      paint.good('ready'),
      card(
        [
          ['socket', workloadApi],
          ['admin', adminSocket],
          ['node', nodeId],
          ['trust', trustDomain],
        ],
        paint,
      ),
    ].join('\n'),
})
