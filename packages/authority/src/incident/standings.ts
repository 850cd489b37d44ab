import type { AckState, AgentKey, IncidentState, PointState, Rows, Step } from '../ports.ts'

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
  const silent = [...points.values()].filter(({ point }) => !acks.has(point))
  const killed = yield* killedAmong(rows, silent, incident)
  return [...points.values()].map(point => {
    const ack = acks.get(point.point)
    if (ack) return { point, ack, outcome: 'applied', failsClosedBy: null }
    return withoutWord(point, killed.has(nameOf(point)), incident, now)
  })
}

/** Silent points that are looked at to find one that is waited for; where all of these were killed, all are looked at. */
const UNHEARD_MAX = 50

/**
 * Whether a point may still answer. Asked again and again while a receipt waits, it reads a few rows where
 * {@link standingsOf} reads every point and every acknowledgement.
 */
export function* isAwaited(rows: Rows, incident: IncidentState, now: number): Step<boolean> {
  if (isOverdue(incident, now)) return false
  for (const at of new Set([incident.at, commitOf(incident)])) {
    const unheard = yield* rows.points.unheard(at, incident.epoch, UNHEARD_MAX)
    const killed = yield* killedAmong(rows, unheard, incident)
    if (unheard.some(point => !killed.has(nameOf(point)))) return true
  }
  return false
}

function withoutWord(point: PointState, killed: boolean, incident: IncidentState, now: number): PointStanding {
  const bestEffort = point.mode === 'best_effort'
  // What it last heard is no younger than the commit: it refuses new calls a budget later, and ends streams a grace after.
  const failsClosedBy = bestEffort ? null : commitOf(incident) + point.budgetMs + point.graceMs
  const silence = bestEffort ? 'best_effort' : 'silent'
  const outcome = killed ? 'killed' : isOverdue(incident, now) ? silence : 'waiting'
  return { point, ack: null, outcome, failsClosedBy }
}

const nameOf = ({ tenant, agent }: AgentKey) => `${tenant}/${agent}`

/**
 * Agents that the kill left nothing to speak with: the authority speaks to the dead no longer, and their peers believe
 * them no longer, so that a receipt does not wait for them. Whoever lost one lineage of several still answers.
 */
function* killedAmong(
  rows: Rows,
  points: readonly PointState[],
  { target, taken }: IncidentState,
): Step<ReadonlySet<string>> {
  const killed = new Set<string>()
  const agents = new Map(points.map(point => [nameOf(point), point]))
  for (const [name, agent] of agents) {
    const dead = target.kind === 'tenant' && target.tenant === agent.tenant
    if (dead || (taken.agents.includes(name) && (yield* rows.lineages.ofAgent(agent)).length === 0)) killed.add(name)
  }
  return killed
}
