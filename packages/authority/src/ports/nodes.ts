import type { NodeMethod } from '@lanyard/api'
import type { NodeScope } from './entries.ts'
import type { Listed, Page, Step } from './store.ts'

/** A machine that proved itself. It is known by the key that it attested with. */
export interface NodeState extends NodeScope {
  /** 32 hex digits, random. */
  readonly node: string
  readonly spiffeId: string
  readonly method: NodeMethod
  /** Who made the token that it joined with, as events name it; null: it has a certificate of its own. */
  readonly joinedBy: string | null
  /** RFC 7638, base64url. */
  readonly keyThumbprint: string
  /** Serial of its newest certificate, 32 hex digits, and its end in Unix seconds. */
  readonly serial: string
  readonly notAfter: number
  readonly attestedAt: number
  readonly renewedAt: number
  readonly bannedAt: number | null
  readonly banReason: string | null
}

export interface NodeRows {
  find(node: string): Step<NodeState | undefined>
  /** Names are unique within a tenant, and among nodes without one. */
  findByName(tenant: string | null, name: string): Step<NodeState | undefined>
  /**
   * Those that joined with tokens of this maker and are not banned, at most `limit`; of one tenant; none or null: any.
   */
  joinedBy(maker: string, limit: number, tenant?: string | null): Step<readonly NodeState[]>
  /** Those that are known by this key, banned or not; of one tenant, or of all and without one where that is null. */
  withKey(keyThumbprint: string, tenant: string | null): Step<readonly NodeState[]>
  insert(node: NodeState): Step<void>
  update(node: NodeState): Step<void>
  remove(node: string): Step<void>
  list(filter: { tenant?: string | undefined; name?: string | undefined }, page: Page): Step<Listed<NodeState>>
}

/** Makes a machine a node, once. */
export interface JoinTokenState extends NodeScope {
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
}

export interface JoinTokenRows {
  insert(token: JoinTokenState): Step<void>
  find(hash: Uint8Array): Step<JoinTokenState | undefined>
  /** Takes the token out and gives it: of many that come at once exactly one gets it. */
  take(hash: Uint8Array): Step<JoinTokenState | undefined>
  /** Voids what this maker made and nobody has used; of one tenant; none or null: any. */
  removeOf(maker: string, tenant?: string | null): Step<void>
}
