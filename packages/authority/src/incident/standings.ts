import type { AckState, IncidentState, PointState, Rows, Step } from '../ports.ts'

/** Milliseconds after the commit when a receipt waits for nobody any longer. */
export const RECEIPT_WAIT_MS = 10_000

/** How one enforcement point stands to a kill. */
export interface PointStanding {
  readonly point: PointState
  /** The first acknowledgement that covers the kill. */
  readonly ack: AckState | null
  readonly outcome: 'waiting' | 'applied' | 'silent' | 'best_effort' | 'killed'
  /** Of one that is silent or still awaited: from then on it refuses guarded calls by itself. Null: unbounded, or `applied`. */
  readonly failsClosedBy: number | null
}

/** When the kill was known to be durable; until somebody has told, the time when it was begun. */
export const commitOf = ({ at, committedAt }: Pick<IncidentState, 'at' | 'committedAt'>): number => committedAt ?? at

/** Whether nobody is waited for any longer at `now` (Unix ms). */
export const isOverdue = (incident: Pick<IncidentState, 'at' | 'committedAt'>, now: number): boolean =>
  now >= commitOf(incident) + RECEIPT_WAIT_MS

/** The points that were leased at the commit, which lies between the two ends of its bracket, and what they said. */
export function* standingsOf(rows: Rows, incident: IncidentState, now: number): Step<readonly PointStanding[]> {
  const points = new Map<string, PointState>()
  for (const at of new Set([incident.at, commitOf(incident)])) {
    for (const point of yield* rows.points.leasedAt(at)) points.set(point.point, point)
  }
  const acks = new Map((yield* rows.acks.covering(incident.epoch)).map(ack => [ack.point, ack]))
  return [...points.values()].map(point => standingOf(point, acks.get(point.point) ?? null, incident, now))
}

function standingOf(point: PointState, ack: AckState | null, incident: IncidentState, now: number): PointStanding {
  if (ack !== null) return { point, ack, outcome: 'applied', failsClosedBy: null }
  const bestEffort = point.mode === 'best_effort'
  // What it last heard is no younger than the commit: it refuses new calls a budget later, and ends streams a grace after.
  const failsClosedBy = bestEffort ? null : commitOf(incident) + point.budgetMs + point.graceMs
  if (isOfTheKilled(point, incident)) return { point, ack, outcome: 'killed', failsClosedBy }
  if (!isOverdue(incident, now)) return { point, ack, outcome: 'waiting', failsClosedBy }
  return { point, ack, outcome: bestEffort ? 'best_effort' : 'silent', failsClosedBy }
}

/** The authority speaks to the dead no longer, and their peers believe them no longer: a receipt does not wait for them. */
function isOfTheKilled({ tenant, agent }: PointState, { target }: Pick<IncidentState, 'target'>): boolean {
  if (target.kind === 'agent') return target.tenant === tenant && target.agent === agent
  return target.kind === 'tenant' && target.tenant === tenant
}
