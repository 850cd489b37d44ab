import type { Act, Clock, Rows, Store } from '@lanyard/authority'
import type { ReceiptSigning } from '@lanyard/protocol'
import type { Feed, Log } from '../http/ports.ts'
import type { Sealing } from './sealing.ts'

/** What incidents are worked at with. */
export interface IncidentPorts {
  readonly store: Store
  readonly rows: Rows
  readonly clock: Clock
  readonly log: Log
  /** UUID of this instance. */
  readonly instance: string
  /** Name of the trust domain, without the scheme. */
  readonly trustDomain: string
  readonly feed: Pick<Feed, 'feedId' | 'tell'>
  readonly sealing: Sealing
  /** The key of this moment that signs receipts. */
  readonly receiptSigner: () => ReceiptSigning
  /** Milliseconds that a snapshot is kept. */
  readonly snapshotMs: number
  /** An incident has its receipt, so many seconds after its kill; null: another instance took the kill. */
  readonly closed?: (seconds: number | null) => void
}

export type ServerAct = Act & { readonly caller: 'server' }

export const serverAct = ({ clock }: Pick<IncidentPorts, 'clock'>): ServerAct => ({
  caller: 'server',
  at: clock.now(),
  source: null,
  correlation: null,
})
