import type { PointMode } from '@lanyard/api'
import type { AgentKey } from './registry.ts'
import type { Listed, Page, Step } from './store.ts'

/** An enforcement point and its lease. */
export interface PointState extends AgentKey {
  /** UUID. */
  readonly point: string
  readonly spiffeId: string
  readonly name: string
  readonly mode: PointMode
  readonly budgetMs: number
  readonly graceMs: number
  /** Of the lease that is held now: one that lapsed begins anew. */
  readonly enrolledAt: number
  readonly leasedUntil: number
  readonly epoch: number
  readonly asOf: number | null
  readonly offsetMs: number | null
  readonly uncertaintyMs: number | null
  readonly sessions: number
}

export interface PointRows {
  find(point: string): Step<PointState | undefined>
  /** Inserts or replaces. */
  put(point: PointState): Step<void>
  /** Whose lease was held at `at`, by point. */
  leasedAt(at: number): Step<readonly PointState[]>
  /** Of those, the ones that have acknowledged neither `epoch` nor a later one; at most `limit`. */
  unheard(at: number, epoch: number, limit: number): Step<readonly PointState[]>
  /** How many leases an agent holds at `at`, and how many its tenant. */
  leases(key: AgentKey, at: number): Step<{ readonly ofAgent: number; readonly ofTenant: number }>
  list(filter: { tenant?: string | undefined; since: number }, page: Page): Step<Listed<PointState>>
}

/** An acknowledgement as it came. */
export interface AckState {
  readonly point: string
  readonly epoch: number
  readonly receivedAt: number
  readonly appliedAt: number
  readonly cut: number
  readonly lastAccept: number | null
  readonly offsetMs: number | null
  readonly uncertaintyMs: number | null
  /** Compact JWS, with its chain. */
  readonly jws: string
}

export interface AckRows {
  /** The first one of a point for an epoch stays. */
  insert(ack: AckState): Step<void>
  /** Whether an incident waits that `epoch` covers and nothing that the point acknowledged before. */
  wanted(point: string, epoch: number): Step<boolean>
  /** Of each point the first one for `epoch` or a later one that it had to tell. */
  covering(epoch: number): Step<readonly AckState[]>
}
