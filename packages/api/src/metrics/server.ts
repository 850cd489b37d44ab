import type { MetricTable } from './rows.ts'

/** What an instance of the authority measures. The prefix is `lanyard_`. */
export const SERVER_METRICS = {
  requests: { kind: 'counter', about: 'Requests answered, by `route` and `status`.', labels: ['route', 'status'] },
  request: {
    kind: 'histogram',
    about: 'From the head of a request to its reply; streams to their first byte.',
    labels: ['route'],
  },
  refusals: { kind: 'counter', about: 'Requests refused, by `code`.', labels: ['code'] },
  issued: {
    kind: 'counter',
    about: 'Credentials issued, by `kind`: x509 by the CSR door, workload-x509, jwt and wit by nodes, node.',
    labels: ['kind'],
  },
  kills: { kind: 'counter', about: 'Kills made durable by this instance, by `target`.', labels: ['target'] },
  kill: { kind: 'histogram', about: 'From the head of a request to kill to its reply: the kill is durable by then.' },
  epoch: { kind: 'gauge', about: 'The epoch of deaths that this instance has seen.' },
  feed_age_seconds: { kind: 'gauge', about: 'Seconds since the database was last read for the feed.' },
  feed_readers: { kind: 'gauge', about: 'Readers of the feed.' },
  feed_lines: { kind: 'counter', about: 'Lines of the feed, each told to all readers.' },
  feed_signatures: { kind: 'counter', about: 'Signatures made for lines of the feed.' },
  feed_lost: { kind: 'counter', about: 'Readers of the feed cut because they were too far behind.' },
  points: { kind: 'gauge', about: 'Enforcement points with a lease, of all instances.' },
  points_behind: {
    kind: 'gauge',
    about: 'Of those, the ones that have not acknowledged the newest epoch by name or by lease.',
  },
  acks: { kind: 'counter', about: 'Acknowledgements taken.' },
  incidents_open: { kind: 'gauge', about: 'Incidents that this instance works at.' },
  receipts: { kind: 'counter', about: 'Incidents that this instance finished, with a signed receipt.' },
  receipt: { kind: 'histogram', about: 'From the commit of a kill to its receipt, of kills that this instance took.' },
  store: { kind: 'histogram', about: 'Transactions, by `lane`: read, write, urgent.', labels: ['lane'] },
  store_failures: {
    kind: 'counter',
    about: 'Transactions that failed for a reason of the store, by `lane`.',
    labels: ['lane'],
  },
  resident_memory_bytes: { kind: 'gauge', about: 'Resident memory.' },
  cpu_seconds: { kind: 'counter', about: 'Processor time used, user and system.' },
  start_time_seconds: { kind: 'gauge', about: 'When the process began, Unix seconds.' },
} as const satisfies MetricTable
