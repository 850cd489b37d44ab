import { SpiffeId } from '@lanyard/protocol'
import type { WorkloadApiOptions } from '../workload-api/options.ts'
import type { CommonOptions } from './options.ts'

/** An identity from the SPIFFE Workload API: no secret is needed, the daemon sees which program asks. */
export interface WorkloadOptions extends CommonOptions, WorkloadApiOptions, IdentityChoice {
  /**
   * The Lanyard authority, `https:`; when absent `LANYARD_URL` of the environment, or else the one that Lanyard's daemon names
   * with the first certificate; none with null. It must be within reach: without news from it calls are refused
   * (`liveness_stale`). Without an authority (SPIRE names none) nothing is heard of the death of others: they are accepted until
   * their certificates end. That the own identity was taken back is always heard, from the Workload API.
   */
  readonly authority?: string | URL | null
  /**
   * Where private keys are: `memory` (when absent) is that of this process; `daemon` leaves them with a Lanyard daemon, which
   * speaks TLS in its place. Then nobody who reads this memory can take the key away; as long as they run code here they
   * can still use it. Servers are made by `serve` alone then, without `via` and `bestEffort`; nothing is announced.
   */
  readonly keys?: 'memory' | 'daemon'
  /** How long the first certificate may take, in milliseconds; a minute when absent. */
  readonly startTimeoutMs?: number
  /** Gives up the start. */
  readonly signal?: AbortSignal
}

/** Which one to take where a program has several identities; the default one, which comes first, when neither is given. */
export interface IdentityChoice {
  readonly id?: string | SpiffeId
  /** What the operator calls it. */
  readonly hint?: string
}

/** The choice, read. Throws ProtocolError for what is not a SPIFFE ID. */
export function choiceOf({ id, hint }: IdentityChoice): { readonly id: SpiffeId | null; readonly hint: string | null } {
  return { id: id === undefined ? null : SpiffeId.parse(`${id}`), hint: hint ?? null }
}
