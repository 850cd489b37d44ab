import type { KeyObject } from 'node:crypto'
import type { ErrorCode, NodeEntry } from '@lanyard/api'
import type { Bundle } from '@lanyard/protocol'
import type { AuthorityClock } from '../authority/clock.ts'
import type { Judge } from '../authority/feed.ts'
import type { HeldSvid, Log, Meter, Time } from '../ports.ts'
import type { IssuedSvid, Kept } from './held.ts'

/** How an entry stands. `pending`: its answer comes any moment. */
export type SlotState =
  | { readonly kind: 'svid'; readonly svid: HeldSvid }
  | { readonly kind: 'pending' }
  | { readonly kind: 'refused' | 'unavailable'; readonly code: ErrorCode; readonly detail: string }

/** The certificate that the next one follows. */
export interface Renews {
  readonly lineage: string
  readonly serial: string
}

export interface SlotPorts {
  readonly time: Time
  readonly clock: AuthorityClock
  /** At least 0, below 1. */
  readonly random: () => number
  readonly log: Log
  readonly meter: Meter
  readonly bundle: () => Bundle | null
  readonly takeKey: (policy: NodeEntry['key_policy']) => Promise<KeyObject>
  /** Throws the codes of `POST /v1/node/svids/x509`. */
  readonly issue: (entry: string, csr: string, renews: Renews | null) => Promise<IssuedSvid>
  readonly judge: Judge
  readonly store: (kept: Kept) => void
  readonly forget: (entry: string) => void
  /** It stands otherwise than before. */
  readonly changed: (entry: string) => void
}
