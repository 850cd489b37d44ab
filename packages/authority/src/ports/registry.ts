import type { KeyPolicy, Lifecycle, Tier } from '@lanyard/api'
import type { Listed, Page, Step } from './store.ts'

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
  /** `internal`, or who vouches: `federated:<issuer>`. */
  readonly provenance: string
  /** What its identity provider calls it; null for an internal one. */
  readonly externalSubject: string | null
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

export interface ApiKeyState {
  readonly id: string
  readonly name: string
  /** Name of a built-in role, or of one that is found by it in the key's tenant. */
  readonly role: string
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
  /** Whether what it gives ends with it at the latest. */
  readonly bounded: boolean
  readonly revokedAt: number | null
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
  findById(spiffeId: string): Step<AgentState | undefined>
  /** Also takes the agent's SPIFFE ID, which is unique for ever. */
  insert(agent: AgentState): Step<void>
  /** Writes what may change: all but names, SPIFFE ID, provenance and creation. */
  update(agent: AgentState): Step<void>
  /** By tenant and name. */
  list(filter: AgentFilter, page: Page): Step<Listed<AgentState>>
  /**
   * Quarantines every agent of the tenant that is neither quarantined nor retired, all its incarnations dead; gives how
   * many.
   */
  quarantineAll(tenant: string, at: number): Step<number>
  /** Reinstates every agent that the kill of the tenant at `killedAt` quarantined, each in its next incarnation. */
  reinstateAll(tenant: string, killedAt: number, at: number): Step<number>
  /** Agents of the tenant that hold an open or frozen lineage. */
  holding(tenant: string): Step<readonly AgentState[]>
}

export interface ApiKeyRows {
  find(id: string): Step<ApiKeyState | undefined>
  insert(key: ApiKeyState): Step<void>
  revoke(id: string, at: number): Step<void>
  /** Revokes the key and all that it made, and that those made; gives their ids, also of those revoked before. */
  revokeTree(id: string, at: number): Step<readonly string[]>
  /** Ids of those that this one made, named as events do; also of revoked ones. */
  madeBy(maker: string): Step<readonly string[]>
  /** Not revoked, newest first; `tenant` restricts the list to one, `ofAllTenants` to keys without a tenant. */
  list(
    filter: { tenant?: string | undefined; ofAllTenants?: boolean | undefined },
    page: Page,
  ): Step<Listed<ApiKeyState>>
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
