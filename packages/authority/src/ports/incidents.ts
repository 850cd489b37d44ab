import type { KillScope, StepName } from '@lanyard/api'
import type { Listed, Page, Step } from './store.ts'

/** What a kill was aimed at. */
export type KillTarget =
  | { readonly kind: 'agent'; readonly tenant: string; readonly agent: string }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'serial' | 'key' | 'lineage' | 'minted_by'; readonly value: string }
  | { readonly kind: 'instance'; readonly value: string }

export interface IncidentState {
  readonly id: string
  /** Null: it concerns more than one tenant. */
  readonly tenant: string | null
  readonly target: KillTarget
  readonly scope: KillScope
  readonly reason: string
  readonly openedBy: string
  /** Hex SHA-256 of what was asked, to know a repetition from another kill of the same name. */
  readonly asked: string
  /** When the transaction was begun, and when it was known to be durable (null until told). */
  readonly at: number
  readonly committedAt: number | null
  readonly epoch: number
  readonly state: 'open' | 'closed'
  readonly closedAt: number | null
  readonly ttlUntil: number | null
  /** How many certificates were revoked, and when the last that was given out ends (Unix ms); null: none was left. */
  readonly revoked: number
  readonly unguardedUntil: number | null
  /** Agents and lineages that it took, for the snapshot; capped. */
  readonly taken: { readonly agents: readonly string[]; readonly lineages: readonly string[] }
  /** What the caller sent as evidence, redacted, until the snapshot has it. */
  readonly evidence: Readonly<Record<string, unknown>> | null
  readonly receipt: string | null
}

/** An incident without what may be long. */
export type IncidentHead = Omit<IncidentState, 'taken' | 'evidence' | 'receipt'>

export interface IncidentStepState {
  readonly incident: string
  readonly step: StepName
  readonly state: 'waiting' | 'done'
  /** The instance that works at it, until then. */
  readonly claimedBy: string | null
  readonly claimedUntil: number
  readonly doneAt: number | null
  readonly detail: Readonly<Record<string, unknown>>
}

export interface IncidentRows {
  find(id: string): Step<IncidentState | undefined>
  /** With its waiting steps. */
  insert(incident: IncidentState, steps: readonly StepName[]): Step<void>
  change(
    id: string,
    change: Partial<Pick<IncidentState, 'committedAt' | 'state' | 'closedAt' | 'ttlUntil' | 'receipt' | 'evidence'>>,
  ): Step<void>
  /** Newest first. */
  list(
    filter: { tenant?: string | undefined; state?: 'open' | 'closed' | undefined },
    page: Page,
  ): Step<Listed<IncidentHead>>
  steps(id: string): Step<readonly IncidentStepState[]>
  /** Incidents with a step that waits and that nobody works at, oldest first. */
  unfinished(now: number, limit: number): Step<readonly IncidentState[]>
  /** Takes a waiting step that nobody works at; false: somebody does, or it is done. */
  claim(incident: string, step: StepName, by: string, now: number, until: number): Step<boolean>
  /** Ends a step; false when it was done before. */
  finish(
    incident: string,
    step: StepName,
    by: string,
    at: number,
    detail: Readonly<Record<string, unknown>>,
  ): Step<boolean>
  /** When the time to live ends of the incident that brought this epoch; null: it has none. */
  lapseAt(epoch: number): Step<number | null>
  /** Whose time to live is over at `now` and who still hold what they killed. */
  lapsed(now: number, limit: number): Step<readonly IncidentState[]>
}

export interface SnapshotState {
  readonly incident: string
  readonly takenAt: number
  readonly keptUntil: number
  readonly sealed: Uint8Array
}

export interface SnapshotRows {
  find(incident: string): Step<SnapshotState | undefined>
  /** Inserts or replaces. */
  put(snapshot: SnapshotState): Step<void>
}
