import type { RouteId } from '@lanyard/api'
import type { Counted, ServerMeters } from './server-meters.ts'

/** A request as it was answered. */
export interface Answered {
  /** Null: no route was found, or none with this method. */
  readonly id: RouteId | null
  readonly status: number
  /** Of a refusal. */
  readonly code: string | null
  /** Since its head was read. */
  readonly seconds: number
}

/** What it means that a route answered well. */
const MEANS: Partial<Record<RouteId, Counted>> = {
  issueCert: ['issued', { kind: 'x509' }],
  issueWorkloadCert: ['issued', { kind: 'workload-x509' }],
  issueJwtSvid: ['issued', { kind: 'jwt' }],
  issueWitSvid: ['issued', { kind: 'wit' }],
  attestNode: ['issued', { kind: 'node' }],
  renewNode: ['issued', { kind: 'node' }],
  killAgent: ['kills', { target: 'agent' }],
  killTenant: ['kills', { target: 'tenant' }],
  killCredential: ['kills', { target: 'credential' }],
  evictInstance: ['kills', { target: 'instance' }],
  acknowledge: ['acks', {}],
}

/** Counts one answer. Paths never become labels: only the names of declared routes do. */
export function countAnswer(meters: ServerMeters, { id, status, code, seconds }: Answered): void {
  const route = id ?? 'none'
  meters.count('requests', { route, status: String(status) })
  meters.time('request', seconds, { route })
  if (code !== null) meters.count('refusals', { code })
  const means = id === null || code !== null ? undefined : MEANS[id]
  if (means === undefined) return
  meters.count(...means)
  if (means[0] === 'kills') meters.time('kill', seconds)
}

/** Counts an incident that came to its end; `seconds` since its kill, or null where another instance took it. */
export const countReceipts = (meters: ServerMeters) => (seconds: number | null) => {
  meters.count('receipts')
  if (seconds !== null) meters.time('receipt', seconds)
}
