import type { StatusReply } from '@lanyard/daemon'
import { connectDaemon, DAEMON } from '../../client/daemon.ts'
import { command, type Outcome } from '../../command.ts'
import { card, count, table } from '../../layout.ts'

export const daemonStatus = command({
  name: 'daemon status',
  summary: 'Show how the daemon of this machine is: its node, the authority, what it holds and for whom.',
  operands: [],
  options: DAEMON,
  examples: [
    { line: 'lanyard daemon status', does: 'Of the daemon behind /run/lanyard/admin.sock.' },
    { line: 'lanyard daemon status --admin-socket /srv/lanyard/admin.sock --json', does: 'Of another, for a program.' },
  ],
  run: async ({ options, io }) => {
    const daemon = connectDaemon(options, io)
    try {
      return shown(await daemon.call<StatusReply>('GET', '/status'))
    } finally {
      daemon.close()
    }
  },
})

const shown = (status: StatusReply): Outcome => ({
  json: status,
  text: paint => {
    const { node, authority } = status
    const state = authority.connected ? 'connected' : `away: ${authority.code ?? 'no reason is known'}`
    const rows: [string, unknown][] = [
      ['daemon', `${status.version}, since ${status.started_at}`],
      ['node', node === null ? 'none: it has not attested' : `${node.name}, until ${node.not_after}`],
      ['serves', node === null ? null : [node.tenant ?? 'every tenant', ...node.groups].join(', ')],
      ['authority', `${authority.url}, ${state}`],
      ['heard', `entries ${authority.heard_at ?? 'never'}, deaths ${authority.feed_as_of ?? 'never'}`],
      ['socket', status.workload_api],
      [
        'holds',
        `${entries(status.entries)}, ${count(status.svids.length, 'SVID')}, ${count(status.subscribers, 'stream')}`,
      ],
    ]
    const svids = status.svids.map(one => [one.spiffe_id, one.not_after, one.followers, one.entry])
    const launches = status.launches.map(one => [one.pid, one.entry, one.at])
    return [
      card(rows, paint),
      ...(svids.length === 0 ? [] : ['', table(['SVID', 'ENDS', 'FOLLOWERS', 'ENTRY'], svids, paint)]),
      ...(launches.length === 0 ? [] : ['', table(['LAUNCHED', 'ENTRY', 'SINCE'], launches, paint)]),
    ].join('\n')
  },
})

const entries = (n: number): string => `${n} ${n === 1 ? 'entry' : 'entries'}`
