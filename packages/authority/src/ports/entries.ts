import type { KeyPolicy } from '@lanyard/api'
import type { AgentKey } from './registry.ts'
import type { Listed, Page, Step } from './store.ts'

/** A registration entry: which processes on which nodes are an agent. */
export interface EntryState extends AgentKey {
  /** 32 hex digits. */
  readonly id: string
  readonly spiffeId: string
  /** `type:kind:value`, sorted, each once. */
  readonly selectors: readonly string[]
  /** `node:<name>` or `group:<name>`; null: every node of the tenant. */
  readonly parent: string | null
  readonly x509TtlSec: number | null
  readonly jwtTtlSec: number | null
  readonly dnsNames: readonly string[]
  readonly hint: string | null
  /** Names of trust domains. */
  readonly federatesWith: readonly string[]
  readonly expiresAt: number | null
  readonly children: boolean
  readonly replicas: number
  /** Of its last change: one counter for all entries, which grows in the order of commits. */
  readonly revision: number
  readonly createdAt: number
  readonly updatedAt: number
}

export interface EntryFilter {
  readonly tenant?: string | undefined
  readonly agent?: string | undefined
  readonly parent?: string | undefined
  readonly selector?: string | undefined
}

/** Which entries a node serves: those of its tenant (all, for a node without one) that name it, a group of it, or no parent. */
export interface NodeScope {
  readonly name: string
  readonly tenant: string | null
  readonly groups: readonly string[]
}

/** An entry as a node learns of it. */
export interface ServedEntry extends EntryState {
  readonly keyPolicy: KeyPolicy
}

export interface EntryRows {
  /** Adds one to the counter of entries, which stays locked until the commit; called as late as possible, as that of epochs. */
  bump(): Step<number>
  /** The counter as it stands. */
  revision(): Step<number>
  find(id: string): Step<EntryState | undefined>
  /** One with the same agent, parent and selectors. */
  same(entry: Pick<EntryState, 'tenant' | 'agent' | 'parent' | 'selectors'>): Step<EntryState | undefined>
  count(tenant: string): Step<number>
  insert(entry: EntryState): Step<void>
  update(entry: EntryState): Step<void>
  /** Leaves a mark, so that nodes that were away learn of it. */
  delete(id: string, revision: number, at: number): Step<void>
  /**
   * Gives all entries of a tenant new revisions, each its own, so that they can be told in parts: what nodes learn with
   * them has changed.
   */
  touch(tenant: string): Step<void>
  /** Oldest first. */
  list(filter: EntryFilter, page: Page): Step<Listed<EntryState>>
  /** One that the node serves, with what it learns of it; undefined for any other. */
  served(id: string, scope: NodeScope): Step<ServedEntry | undefined>
  /**
   * What changed in (`after`, `through`] for a node, by revision, at most `limit`, but a revision never in part: its last
   * may bring more. Entries that it serves, and the ids of others of its tenant and of deleted ones, which it serves no
   * more; none of these from the beginning (`after` 0), where there is nothing to take back. `through`: up to where this
   * is all. An `after` older than the oldest mark is for the caller to see by {@link horizon}.
   */
  changed(
    scope: NodeScope,
    range: { readonly after: number; readonly through: number; readonly limit: number },
  ): Step<{ readonly entries: readonly ServedEntry[]; readonly removed: readonly string[]; readonly through: number }>
  /** Deletions up to this revision have been forgotten. */
  horizon(): Step<number>
}

/** The bundle of another trust domain. */
export interface FederatedBundleState {
  readonly trustDomain: string
  /** JWK Set, text. */
  readonly bundle: string
  readonly updatedAt: number
}

export interface FederatedBundleRows {
  list(): Step<readonly FederatedBundleState[]>
  /** Inserts or replaces. */
  put(bundle: FederatedBundleState): Step<void>
  remove(trustDomain: string): Step<boolean>
}
