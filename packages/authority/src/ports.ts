import type { EventType, KeyPolicy, KeyRole, Lifecycle, Tier } from '@lanyard/api'

/** The time. Everything below this floor receives it. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number
}

/** Unpredictable bytes. */
export interface Dice {
  bytes(length: number): Uint8Array
}

/**
 * Part of a transaction, as a generator: each yield is one statement, which the store runs and answers. So the same
 * lines run as one synchronous block on SQLite, as round trips on PostgreSQL, and step by step in a test that tries
 * every interleaving. Write `yield*` to call another step. A step decides before it writes: one that throws must not
 * have written, since many steps share one transaction.
 */
export type Step<T> = Generator<Statement, T, unknown>

/** What a store can run. Only the store that made it looks inside. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** Where steps run. */
export interface Store {
  /** Runs a step that only reads, on what is committed. */
  read<T>(step: () => Step<T>): Promise<T>
  /**
   * Runs a step in a transaction, grouped with others; the promise is kept once the commit is durable, and broken
   * with `store_unavailable` when nothing of the step was stored.
   */
  write<T>(step: () => Step<T>): Promise<T>
}

export interface AgentKey {
  readonly tenant: string
  readonly agent: string
}

export interface TenantState {
  readonly tenant: string
  readonly keyPolicy: KeyPolicy
  readonly renewalGraceSec: number
  /** Unix milliseconds, as every `…At`. */
  readonly createdAt: number
  readonly updatedAt: number
}

export interface AgentState extends AgentKey {
  readonly spiffeId: string
  readonly tier: Tier
  readonly lifecycle: Lifecycle
  /** `internal`, or who vouches. */
  readonly provenance: string
  readonly owner: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  /** Grows with each reinstatement; every credential carries it. */
  readonly incarnation: number
  /** Incarnations up to this one are dead for ever. It only grows. */
  readonly deadThrough: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** `frozen`: forked, so that one of two holders is a copy. `ended`: revoked, or its agent was killed. */
export type LineageStanding = 'open' | 'frozen' | 'ended'

export interface LineageState extends AgentKey {
  /** 32 hex digits. */
  readonly id: string
  readonly incarnation: number
  readonly openedAt: number
  /** No renewal from here on. */
  readonly endsAt: number
  /** The credential that opened it: `api-key:<id>`. */
  readonly mintedBy: string
  /** The agent token that opened it. */
  readonly jti: string
  /** Key thumbprint that the token is bound to, or null. Thumbprints are RFC 7638, base64url. */
  readonly jkt: string | null
  readonly standing: LineageStanding
  /** Of its newest certificate; 0 before the first. */
  readonly generation: number
  /** Thumbprint of the key of the newest generation; null before the first. */
  readonly newestKey: string | null
}

/** All that issuing needs to know of whom it issues to. */
export interface Subject {
  readonly tenant: TenantState
  readonly agent: AgentState
  readonly lineage: LineageState
}

export interface CertificateState extends AgentKey {
  /** Hex of the issuer's subject key identifier. */
  readonly issuerKeyId: string
  /** 32 hex digits. */
  readonly serial: string
  readonly spiffeId: string
  readonly tier: Tier
  /** Unix seconds, both ends count. */
  readonly notBefore: number
  readonly notAfter: number
  readonly issuedAt: number
  readonly lineage: string
  readonly generation: number
  /** Serial of the certificate that renewed, or null for the first. */
  readonly parent: string | null
  /** The credential: `agent-token:<jti>` or `certificate:<serial>`. */
  readonly mintedBy: string
  readonly incarnation: number
  readonly keyThumbprint: string
  readonly revokedAt: number | null
  readonly revokedReason: string | null
  /** Remote address and request id of the call: a certificate's row is its `cert.issued` event. */
  readonly source: string | null
  readonly correlation: string | null
}

export interface ApiKeyState {
  readonly id: string
  readonly name: string
  readonly role: KeyRole
  /** Null: every tenant. */
  readonly tenant: string | null
  /** Pattern of agent names that it may bootstrap; null: every one. */
  readonly agents: string | null
  /** SHA-256 of the secret part. */
  readonly hash: Uint8Array
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
  /** Calls per minute; 0: not counted; null: the server's default. */
  readonly rateLimit: number | null
  readonly revokedAt: number | null
}

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

/** Where a list goes on: `after` is the `next` of the page before, null at the start. */
export interface Page {
  readonly limit: number
  readonly after: string | null
}

export interface Listed<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

export interface TenantRows {
  find(tenant: string): Step<TenantState | undefined>
  insert(tenant: TenantState): Step<void>
  update(tenant: TenantState): Step<void>
  /** By name; `only` restricts the list to one tenant. */
  list(filter: { only?: string | undefined }, page: Page): Step<Listed<TenantState>>
}

export interface AgentFilter {
  readonly tenant?: string | undefined
  readonly lifecycle?: Lifecycle | undefined
  readonly tier?: Tier | undefined
  readonly provenance?: string | undefined
}

export interface AgentRows {
  find(key: AgentKey): Step<AgentState | undefined>
  /** Also takes the agent's SPIFFE ID, which is unique for ever. */
  insert(agent: AgentState): Step<void>
  /** Writes what may change: all but names, SPIFFE ID, provenance and creation. */
  update(agent: AgentState): Step<void>
  /** By tenant and name. */
  list(filter: AgentFilter, page: Page): Step<Listed<AgentState>>
}

export interface LineageRows {
  /** The lineage with its agent and tenant, in one statement. */
  subject(lineage: string): Step<Subject | undefined>
  insert(lineage: LineageState): Step<void>
  /** Sets standing, generation and newest key. */
  change(id: string, change: Pick<LineageState, 'standing' | 'generation' | 'newestKey'>): Step<void>
  /** Ends every open or frozen lineage of the agent. */
  endAll(key: AgentKey): Step<void>
}

export interface CertificateFilter {
  readonly tenant?: string | undefined
  readonly agent?: string | undefined
  readonly serial?: string | undefined
  /** True: neither ended at `now`, revoked, nor of a dead incarnation; false: the rest. */
  readonly alive?: boolean | undefined
  /** Unix milliseconds. */
  readonly now: number
}

export interface CertificateRows {
  find(issuerKeyId: string, serial: string): Step<CertificateState | undefined>
  /** Whatever the issuer; the tenant restricts what can be seen. */
  findBySerial(serial: string, tenant: string | null): Step<CertificateState | undefined>
  /** One insert is the certificate and its `cert.issued` event. */
  insert(certificate: CertificateState): Step<void>
  /**
   * Revokes what is not yet revoked and not over at `at`, with its lineage or of its agent; gives back the serials,
   * newest first.
   */
  revoke(
    whose: { readonly lineage: string } | AgentKey,
    revocation: { readonly at: number; readonly reason: string },
  ): Step<readonly string[]>
  /** Newest first. */
  list(filter: CertificateFilter, page: Page): Step<Listed<CertificateState>>
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

export interface ApiKeyRows {
  find(id: string): Step<ApiKeyState | undefined>
  insert(key: ApiKeyState): Step<void>
  revoke(id: string, at: number): Step<void>
  /** Not revoked, newest first; `tenant` restricts the list to one, `ofAllTenants` to keys without a tenant. */
  list(
    filter: { tenant?: string | undefined; ofAllTenants?: boolean | undefined },
    page: Page,
  ): Step<Listed<ApiKeyState>>
}

export interface EpochRows {
  current(): Step<number>
  /** Adds one. The last statement of a transaction that tells a death or a rebirth; never a sequence. */
  bump(): Step<number>
}

/** The tables, by noun. */
export interface Rows {
  readonly tenants: TenantRows
  readonly agents: AgentRows
  readonly lineages: LineageRows
  readonly certificates: CertificateRows
  readonly events: EventRows
  readonly apiKeys: ApiKeyRows
  readonly epoch: EpochRows
}
