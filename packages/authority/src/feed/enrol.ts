import { LanyardError, type PointMode } from '@lanyard/api'
import type { Act, CertificateCaller } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { PointState, Rows, Step } from '../ports.ts'

/** Milliseconds that a lease lasts at least, and beyond the time in which a cut-off point refuses by itself. */
const LEASE_MS = 15_000
const BEYOND_MS = 5_000
/** A point that comes back within this time after its lease has not been away: it stands in receipts all along. */
const RETURN_MS = 60_000

/** Leases that one agent holds at most, and all agents of a tenant: a receipt names every point of its own tenant. */
const POINTS_OF_AGENT = 2_000
const POINTS_OF_TENANT = 8_000

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

/** Gives or renews the lease of an enforcement point. Throws `point_conflict` for a point of another agent, and `too_many_points`. */
export function* enrolPoint(
  rows: Rows,
  enrolment: Enrolment,
  act: Act & { readonly caller: CertificateCaller },
): Step<PointState> {
  const { caller, at } = act
  const before = yield* rows.points.find(enrolment.point)
  if (before && before.spiffeId !== caller.spiffeId)
    throw new LanyardError('point_conflict', `enforcement point ${enrolment.point} belongs to another agent`)
  if (before === undefined || before.leasedUntil < at) yield* requireRoom(rows, act)
  const { regressed, ...said } = enrolment
  const stayed = before !== undefined && at < before.leasedUntil + RETURN_MS
  const point: PointState = {
    ...said,
    tenant: caller.tenant,
    agent: caller.agent,
    spiffeId: caller.spiffeId,
    enrolledAt: stayed || (before && (yield* isAwaited(rows, before))) ? before.enrolledAt : at,
    leasedUntil: at + leaseOf(enrolment),
  }
  yield* rows.points.put(point)
  if (before && !stayed) yield* rows.events.append(eventOf(act, 'point.lapsed', caller, lapse(before)))
  if (!stayed) yield* rows.events.append(eventOf(act, 'point.enrolled', caller, describe(point)))
  if (regressed !== undefined)
    yield* rows.events.append(eventOf(act, 'feed.regressed', caller, { point: point.point, regressed }))
  return point
}

/** Whether an incident is open that may count on it: after an outage everyone comes back, and none may drop out of the receipt. */
function* isAwaited(rows: Rows, { point }: PointState): Step<boolean> {
  return yield* rows.acks.wanted(point, yield* rows.epoch.current())
}

function* requireRoom(rows: Rows, { caller, at }: Act & { readonly caller: CertificateCaller }): Step<void> {
  const { ofAgent, ofTenant } = yield* rows.points.leases(caller, at)
  if (ofAgent >= POINTS_OF_AGENT)
    throw new LanyardError('too_many_points', `expected at most ${POINTS_OF_AGENT} enforcement points of one agent`)
  if (ofTenant >= POINTS_OF_TENANT)
    throw new LanyardError('too_many_points', `expected at most ${POINTS_OF_TENANT} enforcement points of one tenant`)
}

const lapse = ({ point, leasedUntil }: PointState) => ({ point, leased_until_ms: leasedUntil })

const describe = ({ point, name, mode, budgetMs, graceMs }: PointState) => ({
  point,
  name,
  mode,
  budget_ms: budgetMs,
  grace_ms: graceMs,
})
