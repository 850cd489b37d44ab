import type { EventType } from '@lanyard/api'
import type { Listed, Page, Step } from './store.ts'

/** An event before the store gives it its place in the hash chain of its instance. */
export interface NewEvent {
  readonly at: number
  readonly type: EventType
  readonly outcome: 'ok' | 'refused'
  readonly tenant: string | null
  readonly agent: string | null
  /** `api-key:<id>`, `agent:<spiffe id>`, `server`. */
  readonly actor: string
  readonly source: string | null
  readonly correlation: string | null
  readonly detail: Readonly<Record<string, unknown>>
}

export interface EventState extends NewEvent {
  readonly instance: string
  /** `audit`, or `issuance` for certificates: two chains, since their rows leave at different ages. */
  readonly chain: 'audit' | 'issuance'
  readonly seq: number
  /** Hex. */
  readonly hash: string
}

export interface EventFilter {
  readonly tenant?: string | undefined
  readonly agent?: string | undefined
  readonly type?: EventType | undefined
  /** Unix milliseconds: since ≤ at < until. */
  readonly since?: number | undefined
  readonly until?: number | undefined
}

export interface EventRows {
  append(event: NewEvent): Step<void>
  /** Newest first; certificates appear as `cert.issued`. */
  list(filter: EventFilter, page: Page): Step<Listed<EventState>>
}
