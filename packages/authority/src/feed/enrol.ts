import { LanyardError, type PointMode } from '@lanyard/api'
import type { Act, CertificateCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { PointState, Rows, Step } from '../ports.ts'

/** Milliseconds that a lease lasts at least, and beyond the time in which a cut-off point refuses by itself. */
const LEASE_MS = 15_000
const BEYOND_MS = 5_000
/** A point that comes back within this time after its lease has not been away: it stands in receipts all along. */
const RETURN_MS = 60_000

/** What an enforcement point says of itself when it enrols. */
export interface Enrolment {
  readonly point: string
  readonly name: string
  readonly mode: PointMode
  readonly budgetMs: number
  readonly graceMs: number
  readonly epoch: number
  readonly asOf: number | null
  readonly offsetMs: number | null
  readonly uncertaintyMs: number | null
  readonly sessions: number
  /** A feed that fell back or changed since the last call: what it was and what it is. */
  readonly regressed?: string | undefined
}

/** Milliseconds that the lease of a point lasts: longer than it goes on without news. */
export const leaseOf = ({ budgetMs, graceMs }: Pick<Enrolment, 'budgetMs' | 'graceMs'>): number =>
  Math.max(LEASE_MS, budgetMs + graceMs + BEYOND_MS)

/** Gives or renews the lease of an enforcement point. Throws `point_conflict` for a point of another agent. */
export function* enrolPoint(
  rows: Rows,
  enrolment: Enrolment,
  act: Act & { readonly caller: CertificateCaller },
): Step<PointState> {
  const { caller, at } = act
  const before = yield* rows.points.find(enrolment.point)
  if (before && before.spiffeId !== caller.spiffeId)
    throw new LanyardError('point_conflict', `enforcement point ${enrolment.point} belongs to another agent`)
  const { regressed, ...said } = enrolment
  const stayed = before !== undefined && at < before.leasedUntil + RETURN_MS
  const point: PointState = {
    ...said,
    tenant: caller.tenant,
    agent: caller.agent,
    spiffeId: caller.spiffeId,
    enrolledAt: stayed ? before.enrolledAt : at,
    leasedUntil: at + leaseOf(enrolment),
  }
  yield* rows.points.put(point)
  if (before && !stayed) yield* rows.events.append(eventOf(act, 'point.lapsed', caller, lapse(before)))
  if (!stayed) yield* rows.events.append(eventOf(act, 'point.enrolled', caller, describe(point)))
  if (regressed !== undefined)
    yield* rows.events.append(eventOf(act, 'feed.regressed', caller, { point: point.point, regressed }))
  return point
}

const lapse = ({ point, leasedUntil }: PointState) => ({ point, leased_until_ms: leasedUntil })

const describe = ({ point, name, mode, budgetMs, graceMs }: PointState) => ({
  point,
  name,
  mode,
  budget_ms: budgetMs,
  grace_ms: graceMs,
})
