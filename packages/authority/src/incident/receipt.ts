import { MAX_RECEIPT_POINTS, type Receipt, type ReceiptPoint } from '@lanyard/protocol'
import { targetText } from '../kill/incident.ts'
import type { IncidentState } from '../ports.ts'
import { commitOf, type PointStanding } from './standings.ts'

/** Points whose acknowledgement stands in a receipt; of further ones the authority's word must do, or no reader takes it. */
const ACKS_MAX = 4_000
/** Characters that they have together: whoever makes its own as long as can be leaves no room for those of others. */
const ACK_CHARACTERS_MAX = 12_000_000

/** What a receipt says beside its incident. */
export interface ReceiptFacts {
  readonly trustDomain: string
  readonly feedId: string
  readonly closedAt: number
  readonly standings: readonly PointStanding[]
}

/** The receipt of an incident, to be signed: first the points of its own tenant, of these those that did not answer. */
export function receiptOf(incident: IncidentState, facts: ReceiptFacts): Receipt {
  const { trustDomain, feedId, closedAt, standings } = facts
  const { id, tenant, target, scope, reason, openedBy, epoch, at, revoked, unguardedUntil } = incident
  // Others must not crowd out the tenant's own points with theirs.
  const rank = ({ point, outcome }: PointStanding) =>
    (point.tenant === tenant ? 0 : 2) + (outcome === 'applied' ? 1 : 0)
  const first = standings.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_RECEIPT_POINTS)
  const points = withRoom(first.map(standing => receiptPoint(standing, incident)))
  return {
    ...{ trustDomain, incident: id, tenant, scope, reason, openedBy, feedId, epoch, closedAt, points, revoked },
    target: { kind: target.kind, value: targetText(target) },
    commit: { sent: at, acknowledged: commitOf(incident) },
    cut: Math.min(
      points.reduce((sum, { cut }) => sum + (cut ?? 0), 0),
      Number.MAX_SAFE_INTEGER,
    ),
    lastAccept: latest(points.map(({ lastAccept }) => lastAccept)),
    unguardedUntil,
  }
}

/** The points, with as many acknowledgements as a reader takes. */
function withRoom(points: readonly ReceiptPoint[]): readonly ReceiptPoint[] {
  let [acks, characters] = [0, 0]
  return points.map(point => {
    if (point.ack === null) return point
    if (acks >= ACKS_MAX || characters + point.ack.length > ACK_CHARACTERS_MAX)
      return { ...point, spiffeId: null, ack: null }
    acks += 1
    characters += point.ack.length
    return point
  })
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
