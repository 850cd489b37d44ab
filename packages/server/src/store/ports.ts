import type { Listed, Page, Rows, Step, Store } from '@lanyard/authority'

/** Facts about the store itself: text by key, such as the salt of the key that wraps keys. */
export interface MetaRows {
  get(key: string): Step<string | undefined>
  /** Inserts or replaces. */
  set(key: string, value: string): Step<void>
}

/** A signing key of ours, from its making on. Whether it may sign is for its owner to decide. */
export interface AuthorityState {
  /** Hex of the subject key identifier. */
  readonly keyId: string
  /** `root`, `agents`, `service`, `agent-token`, …: the store gives it no meaning. */
  readonly purpose: string
  /** UUID of the only instance that signs with it; null: every one. */
  readonly instance: string | null
  /** Of the key: `p256`, `rsa-2048`, … */
  readonly algorithm: string
  /** DER, or null where the key needs none or has none yet. */
  readonly certificate: Uint8Array | null
  /** The wrapped private key, or null where a key manager outside the store holds it or it was destroyed. */
  readonly sealed: Uint8Array | null
  readonly state: 'active' | 'retired'
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly notAfter: number | null
}

export interface AuthorityRows {
  /** Oldest first; retired ones too. */
  list(filter: { purpose?: string | undefined }): Step<readonly AuthorityState[]>
  find(keyId: string): Step<AuthorityState | undefined>
  insert(authority: AuthorityState): Step<void>
  /** Writes what may change: certificate, sealed key, state and end. */
  change(
    keyId: string,
    change: Partial<Pick<AuthorityState, 'certificate' | 'sealed' | 'state' | 'notAfter'>>,
  ): Step<void>
}

export type ChainName = 'audit' | 'issuance'

/** Where a hash chain stands. */
export interface ChainHead {
  readonly instance: string
  readonly chain: ChainName
  /** Of the newest row; 0 before the first. */
  readonly seq: number
  /** Hex, 32 bytes; zeros before the first. */
  readonly hash: string
}

/** A head with its signature. */
export interface SignedHead extends ChainHead {
  /** Unix milliseconds. */
  readonly at: number
  /** Compact JWS. */
  readonly signature: string
}

export interface HeadRows {
  /** The two heads of an instance, as committed. */
  current(instance: string): Step<readonly ChainHead[]>
  insert(head: SignedHead): Step<void>
  /** Signed heads of one chain, newest first. */
  list(of: { instance: string; chain: ChainName }, page: Page): Step<Listed<SignedHead>>
}

/** What the feed asks for again and again. */
export interface SightRows {
  /** The epoch, and which database in which of its lives tells it; null: a replica, which may be behind. */
  look(): Step<{ readonly epoch: number; readonly place: string | null }>
}

/** The tables that only the server needs, beside those of the authority. */
export interface StoreRows extends Rows {
  readonly meta: MetaRows
  readonly authorities: AuthorityRows
  readonly heads: HeadRows
  readonly sight: SightRows
}

/** How long rows stay, in milliseconds. */
export interface Retention {
  /** Of certificates, after they have ended. */
  readonly certificatesMs: number
  /** Of events, signed heads, incidents and acknowledgements. */
  readonly eventsMs: number
  /** Of nodes, after their certificate has ended; banned ones stay. */
  readonly nodesMs: number
}

/** How many rows left. */
export interface Pruned {
  readonly certificates: number
  readonly events: number
  readonly heads: number
  readonly lineages: number
  readonly deaths: number
  /** With their steps. */
  readonly incidents: number
  readonly snapshots: number
  readonly acks: number
  readonly points: number
  readonly services: number
  readonly nodes: number
  readonly joinTokens: number
  /** Marks of deleted entries. */
  readonly entryMarks: number
  /** Of agents, that ended. */
  readonly secrets: number
  /** Of what external tokens were spent. */
  readonly federatedTokens: number
  /** Roles that were given until a time that has passed. */
  readonly bindings: number
  /** Settings of providers and issuers that are gone. */
  readonly trust: number
}

/** What a walk along a hash chain found in order. */
export interface VerifiedChain {
  readonly instance: string
  readonly chain: ChainName
  /**
   * First and last row looked at; `from` is after the rows that retention removed, and greater than `to` if none is
   * left.
   */
  readonly from: number
  readonly to: number
  /** Signed heads that lie on the chain; their signatures are for the caller to verify. */
  readonly heads: readonly SignedHead[]
}

/** What a store says of itself before anyone opens it. */
export interface StoreFacts {
  readonly trustDomain: string
  /** All of its facts, by key. */
  readonly meta: ReadonlyMap<string, string>
}

/** A store that is ready. */
export interface OpenStore {
  readonly store: Store
  /**
   * Reads what is committed, as the store does, and waits for nobody else's reads: for the feed, which all wait for.
   */
  readonly watch: Pick<Store, 'read'>
  readonly rows: StoreRows
  readonly trustDomain: string
  /** UUID of this instance; it stays with the data. */
  readonly instance: string
  /**
   * UUIDs of all whose chains this instance appends to: its own first, then that of the urgent writer if it has one.
   */
  readonly writers: readonly string[]
  /** Removes what is past its time, in groups small enough to let other work pass. */
  prune(now: number, retention: Retention): Promise<Pruned>
  /** Walks one chain from its oldest row; throws `store_damaged` naming the first row that does not fit. */
  verifyChain(instance: string, chain: ChainName): Promise<VerifiedChain>
  /** Waits for what is queued, then closes. Later calls are refused with `store_unavailable`. */
  close(): Promise<void>
}
