import type { MetricTable } from './rows.ts'

/** Seconds of what waits for the authority or for other programs. */
const SLOW = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const

/** What the daemon measures. The prefix is `lanyard_daemon_`. */
export const DAEMON_METRICS = {
  renewals: {
    kind: 'counter',
    about:
      'X.509-SVIDs asked for at the authority, the first ones included, by `result`: ok, or the code of the refusal.',
    labels: ['result'],
  },
  renewal: { kind: 'histogram', about: 'From asking for an X.509-SVID to having it.', buckets: SLOW },
  first_svid: {
    kind: 'histogram',
    about: 'From the call of a workload to its first X.509-SVID, `from` memory or from the authority.',
    labels: ['from'],
    buckets: SLOW,
  },
  attest: {
    kind: 'histogram',
    about: 'Attesting one process, by `result`: ok or a code.',
    labels: ['result'],
    buckets: SLOW,
  },
  attestor: { kind: 'histogram', about: 'Asking one `attestor`.', labels: ['attestor'], buckets: SLOW },
  refusals: { kind: 'counter', about: 'Workloads refused, by `code`.', labels: ['code'] },
  calls: {
    kind: 'counter',
    about: 'Calls on the socket, by `rpc` and gRPC `code`.',
    labels: ['rpc', 'code'],
  },
  subscribers: { kind: 'gauge', about: 'Open streams of X.509-SVIDs, bundles and SDS.' },
  connections: { kind: 'gauge', about: 'Open connections to the socket.' },
  connections_refused: {
    kind: 'counter',
    about: 'Connections refused before any call, by `reason`.',
    labels: ['reason'],
  },
  svids: { kind: 'gauge', about: 'X.509-SVIDs held.' },
  entries: { kind: 'gauge', about: 'Registration entries of this node.' },
  tokens: {
    kind: 'counter',
    about: 'JWT-SVIDs and WIT-SVIDs given, `from` memory or from the authority.',
    labels: ['from'],
  },
  withdrawals: {
    kind: 'counter',
    about: 'Identities withdrawn, by the `cause`: death, entry, expiry.',
    labels: ['cause'],
  },
  withdrawal: { kind: 'histogram', about: 'From hearing of a death to telling the last subscriber.' },
  sync: { kind: 'histogram', about: 'Taking over one change of the entries.' },
  behind_seconds: { kind: 'gauge', about: 'Seconds since the feed of deaths was last heard.' },
  deliveries: {
    kind: 'counter',
    about: 'Files written for programs that know nothing of SPIFFE, by `result`.',
    labels: ['result'],
  },
  launches: { kind: 'gauge', about: 'Processes launched by `lanyard run` that live.' },
  key_pool: { kind: 'gauge', about: 'Keys made ahead.' },
  resident_memory_bytes: { kind: 'gauge', about: 'Resident memory.' },
  cpu_seconds: { kind: 'counter', about: 'Processor time used, user and system.' },
  start_time_seconds: { kind: 'gauge', about: 'When the process began, Unix seconds.' },
} as const satisfies MetricTable
