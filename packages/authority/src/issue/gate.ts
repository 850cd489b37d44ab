import type { Tier } from '@lanyard/api'
import type { PublicKeyInfo } from '@lanyard/protocol'
import type { Subject } from '../ports.ts'
import type { IssueCaller } from './request.ts'

/** What is about to be issued, checked, and to whom. */
export interface IssueAsked {
  readonly caller: IssueCaller
  readonly subject: Subject
  /** By which way: a CSR of an agent's own, or what a node asks for its workload. */
  readonly door: 'csr' | 'workload' | 'jwt' | 'wit'
  /** That counts now. */
  readonly tier: Tier
  readonly ttlSec: number
  /** That it is bound to; null: to none. */
  readonly key: Pick<PublicKeyInfo, 'type' | 'bits'> | null
  /** Unix milliseconds. */
  readonly at: number
  readonly source: string | null
  readonly correlation: string | null
}

/**
 * Asks the policies, before anything is signed. Undefined: nobody was to be asked. Throws `policy_denied`,
 * `policy_failed`, after the denial was told in an event.
 */
export type IssueGate = (asked: IssueAsked) => Promise<void> | undefined
