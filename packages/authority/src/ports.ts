import type { EventType, KeyPolicy, KeyRole, KillScope, Lifecycle, PointMode, StepName, Tier } from '@lanyard/api'

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

/**
 * What a transaction locks before its first statement, always in this order: the trust domain, then tenants by name.
 * `shared` lets others share; `exclusive` waits for every holder. A tenant named is locked so, with the trust domain
 * shared; `tenants: 'all'` locks the trust domain itself.
 */
export interface Locks {
  readonly mode: 'shared' | 'exclusive'
  readonly tenants: readonly string[] | 'all'
}

/** Locks for acts that are told elsewhere, by what they concern. */
export const shared = (...tenants: readonly string[]): Locks => ({ mode: 'shared', tenants })
export const exclusive = (...tenants: readonly string[]): Locks => ({ mode: 'exclusive', tenants })
export const exclusiveAll: Locks = { mode: 'exclusive', tenants: 'all' }

/** Where steps run. */
export interface Store {
  /** Runs a step that only reads, on what is committed. */
  read<T>(step: () => Step<T>): Promise<T>
  /**
   * Runs a step in a transaction, grouped with others; the promise is kept once the commit is durable, and broken
   * with `store_unavailable` when nothing of the step was stored. Without locks a step must not read what decides
   * before it writes.
   */
  write<T>(step: () => Step<T>, locks: Locks): Promise<T>
  /**
   * The same for deaths, on a connection and in commit groups of their own, with disk space kept free for it: nothing
   * that others write delays it, but a group that holds its locks at this moment.
   */
  urgent<T>(step: () => Step<T>, locks: Locks): Promise<T>
}

export interface AgentKey {
  readonly tenant: string
  readonly agent: string
}

export interface TenantState {
  readonly tenant: string
  readonly keyPolicy: KeyPolicy
  readonly renewalGraceSec: number
  /** Grows with each reinstatement of the whole tenant. */
  readonly incarnation: number
  /** At least `incarnation` while the tenant is killed. */
  readonly deadThrough: number
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
  /** Quarantines every agent of the tenant that is neither quarantined nor retired, all its incarnations dead; gives how many. */
  quarantineAll(tenant: string, at: number): Step<number>
  /** Reinstates every agent that the kill of the tenant at `killedAt` quarantined, each in its next incarnation. */
  reinstateAll(tenant: string, killedAt: number, at: number): Step<number>
  /** Agents of the tenant that hold an open or frozen lineage. */
  holding(tenant: string): Step<readonly AgentState[]>
}

export interface LineageRows {
  /** The lineage with its agent and tenant, in one statement. */
  subject(lineage: string): Step<Subject | undefined>
  insert(lineage: LineageState): Step<void>
  /** Sets standing, generation and newest key. */
  change(id: string, change: Pick<LineageState, 'standing' | 'generation' | 'newestKey'>): Step<void>
  /** Like {@link subject}, and keeps every other transaction from the lineage until this one ends. */
  claim(lineage: string): Step<Subject | undefined>
  /** Ends these. */
  end(ids: readonly string[]): Step<void>
  /** Ends every open or frozen lineage of the agent. */
  endAll(key: AgentKey): Step<void>
  /** Ends every open or frozen lineage of all agents of the tenant. */
  endAllOf(tenant: string): Step<void>
  /** Open or frozen lineages by what links them; `tenant` restricts what can be seen. Oldest first, at most `limit`. */
  linked(
    by:
      | { readonly mintedBy: string }
      | { readonly jti: string }
      /** Those with a certificate for the key; `bound`: also those whose token is bound to it, which proves nothing. */
      | { readonly keyThumbprint: string; readonly bound: boolean }
      /** Those with a certificate alive at `now` that was asked for from this remote address. */
      | { readonly source: string; readonly now: number },
    tenant: string | null,
    limit: number,
  ): Step<readonly LineageState[]>
  /** Open or frozen lineages of an agent, newest first; all of them without a limit. */
  ofAgent(key: AgentKey, limit?: number): Step<readonly LineageState[]>
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
    whose: { readonly lineage: string } | AgentKey | { readonly tenant: string },
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
  /** Revokes the key and all that it made, and that those made; gives their ids, also of those revoked before. */
  revokeTree(id: string, at: number): Step<readonly string[]>
  /** Not revoked, newest first; `tenant` restricts the list to one, `ofAllTenants` to keys without a tenant. */
  list(
    filter: { tenant?: string | undefined; ofAllTenants?: boolean | undefined },
    page: Page,
  ): Step<Listed<ApiKeyState>>
}

export interface EpochRows {
  current(): Step<number>
  /**
   * Adds one, in one counter row that stays locked until the commit: so the order of epochs is the order of commits,
   * which that of a sequence is not. Called when nothing is left to wait for; only rows that carry the number follow.
   */
  bump(): Step<number>
}

/** What can die. Values: SPIFFE ID, tenant name, lineage (hex), key thumbprint, issuer key id (hex). */
export type DeathKind = 'agent' | 'tenant' | 'lineage' | 'key' | 'issuer'

/** How one subject stands: two numbers that only grow. It is dead while `reborn <= through`. */
export interface DeathState {
  readonly kind: DeathKind
  readonly value: string
  /** Incarnations up to this one are dead; 1 for subjects that have none. */
  readonly through: number
  /** The incarnation that lives again; 0 where there is none. */
  readonly reborn: number
  /** Of its last change. */
  readonly epoch: number
  readonly at: number
  /** When nothing that it concerns lives any longer; null: it stays. */
  readonly until: number | null
}

export interface DeathRows {
  find(kind: DeathKind, value: string): Step<DeathState | undefined>
  /** Those of the subjects that ever died, in one statement. */
  among(subjects: readonly (readonly [DeathKind, string])[]): Step<readonly DeathState[]>
  /** Inserts, or raises what is there to the greater of both. `until` becomes the one given. */
  put(deaths: readonly DeathState[]): Step<void>
  /** Changed after `epoch`, by epoch; at most `limit`, but an epoch never in part: its last may bring more. */
  since(epoch: number, limit: number): Step<readonly DeathState[]>
  /** All that still matter at `now`, by epoch. */
  all(now: number): Step<readonly DeathState[]>
}

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

/** Where an agent serves. */
export interface ServiceState extends AgentKey {
  readonly spiffeId: string
  readonly url: string
  readonly since: number
  readonly leasedUntil: number
}

export interface ServiceRows {
  find(key: AgentKey, url: string): Step<ServiceState | undefined>
  put(service: ServiceState): Step<void>
  remove(key: AgentKey, url: string): Step<boolean>
  /** Takes out all of an agent; gives the URLs. */
  removeAll(key: AgentKey): Step<readonly string[]>
  count(key: AgentKey): Step<number>
  /** Whose lease is held at `now`, by SPIFFE ID and URL. */
  list(
    filter: { spiffeId?: string | undefined; tenant?: string | undefined; now: number },
    page: Page,
  ): Step<Listed<ServiceState>>
}

/** An instance of the authority, as all of them see it. */
export interface InstanceState {
  /** UUID. */
  readonly instance: string
  readonly createdAt: number
  readonly seenAt: number | null
  readonly evictedAt: number | null
}

export interface InstanceRows {
  /** Oldest first; writers that are no instances of their own are left out. */
  list(): Step<readonly InstanceState[]>
  find(instance: string): Step<InstanceState | undefined>
  seen(instance: string, at: number): Step<void>
  evict(instance: string, at: number): Step<void>
  /** Hex subject key identifiers of its intermediates and of its feed's keys, as far as they have not ended at `now`. */
  issuers(instance: string, now: number): Step<readonly string[]>
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
  readonly deaths: DeathRows
  readonly incidents: IncidentRows
  readonly points: PointRows
  readonly acks: AckRows
  readonly snapshots: SnapshotRows
  readonly services: ServiceRows
  readonly instances: InstanceRows
}
