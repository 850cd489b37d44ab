import { MAX_RECEIPT_POINTS, type Receipt, type ReceiptPoint } from '@lanyard/protocol'
import { targetText } from '../kill/incident.ts'
import type { IncidentState } from '../ports.ts'
import { commitOf, type PointStanding } from './standings.ts'

/** Points whose acknowledgement stands in a receipt; of further ones the authority's word must do, or no reader takes it. */
const ACKS_MAX = 4_000

/** What a receipt says beside its incident. */
export interface ReceiptFacts {
  readonly trustDomain: string
  readonly feedId: string
  readonly closedAt: number
  readonly standings: readonly PointStanding[]
}

/** The receipt of an incident, to be signed: first the points that did not answer. */
export function receiptOf(incident: IncidentState, facts: ReceiptFacts): Receipt {
  const { trustDomain, feedId, closedAt, standings } = facts
  const { id, tenant, target, scope, reason, openedBy, epoch, at, revoked, unguardedUntil } = incident
  const points = standings
    .toSorted((a, b) => Number(a.outcome === 'applied') - Number(b.outcome === 'applied'))
    .slice(0, MAX_RECEIPT_POINTS)
    .map(standing => receiptPoint(standing, incident))
    .map((point, index) => (index < ACKS_MAX ? point : { ...point, spiffeId: null, ack: null }))
  return {
    ...{ trustDomain, incident: id, tenant, scope, reason, openedBy, feedId, epoch, closedAt, points, revoked },
    target: { kind: target.kind, value: targetText(target) },
    commit: { sent: at, acknowledged: commitOf(incident) },
    cut: points.reduce((sum, { cut }) => sum + (cut ?? 0), 0),
    lastAccept: latest(points.map(({ lastAccept }) => lastAccept)),
    unguardedUntil,
  }
}

/** How a point stands in receipt and incident. Of another tenant's point nobody learns whose it is. */
export function receiptPoint(
  { point, ack, outcome, failsClosedBy }: PointStanding,
  { tenant }: Pick<IncidentState, 'tenant'>,
): ReceiptPoint {
  const own = tenant === null || tenant === point.tenant
  return {
    point: point.point,
    spiffeId: own ? point.spiffeId : null,
    // A receipt is made when nobody is waited for any longer.
    outcome: outcome === 'waiting' ? 'silent' : outcome,
    appliedAt: ack?.appliedAt ?? null,
    offsetMs: ack?.offsetMs ?? null,
    uncertaintyMs: ack?.uncertaintyMs ?? null,
    cut: ack?.cut ?? null,
    lastAccept: ack?.lastAccept ?? null,
    failsClosedBy,
    ack: own ? (ack?.jws ?? null) : null,
  }
}

function latest(times: readonly (number | null)[]): number | null {
  const known = times.filter(time => time !== null)
  return known.length === 0 ? null : known.reduce((a, b) => Math.max(a, b))
}
