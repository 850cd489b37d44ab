import { LanyardError, type Permission, type Tier } from '@lanyard/api'
import type { AgentKey, NodeScope } from './ports.ts'

/** Who calls with an API key. */
export interface ApiKeyCaller {
  readonly kind: 'api-key'
  readonly id: string
  readonly name: string
  readonly role: string
  readonly permissions: ReadonlySet<Permission>
  /** Null: every tenant. */
  readonly tenant: string | null
  /** Pattern of the agents that it may bootstrap; null: every one. */
  readonly agents: string | null
  readonly rateLimit: number | null
  /** Unix milliseconds. */
  readonly expiresAt: number
  /** Whether what it gives ends with it at the latest: it was made by who had an end. */
  readonly bounded: boolean
}

/** What one binding gives: a role's permissions, in one tenant or in all, for some agents or for all. */
export interface AccessGrant {
  readonly binding: string
  readonly role: string
  readonly permissions: ReadonlySet<Permission>
  /** Null: every tenant. */
  readonly tenant: string | null
  /** Pattern of agents; null: every one, and calls that name none. */
  readonly agents: string | null
  /** Unix milliseconds; null: it stays. */
  readonly expiresAt: number | null
}

/** How a principal proved itself. */
export type PrincipalMethod = 'jwt' | 'introspection' | 'certificate' | 'svid'

/**
 * A person or program that holds roles by what it has already. As authentication gives it, `permissions` are all that
 * any grant holds; `narrow` leaves those that count for the call at hand.
 */
export interface PrincipalCaller {
  readonly kind: 'principal'
  readonly method: PrincipalMethod
  /** 32 hex digits, of issuer and subject: the same at each call, whatever the token. */
  readonly id: string
  /** For people to read: never decides anything. */
  readonly name: string
  /** Issuer of its token; null for certificates. */
  readonly issuer: string | null
  /** The tenant that configured that issuer, and may have called it like another one; missing: it is of all. */
  readonly issuerTenant?: string
  /** `sub`, DN, SAN or SPIFFE ID. */
  readonly subject: string
  readonly groups: readonly string[]
  readonly grants: readonly AccessGrant[]
  readonly permissions: ReadonlySet<Permission>
  /** The tenant that the call is within; null: all. */
  readonly tenant: string | null
  readonly agents: null
  readonly rateLimit: null
  /**
   * Unix milliseconds: when its token was issued, its certificate began, or the lineage of its SVID was opened; null:
   * the authorization server of an opaque token does not say.
   */
  readonly issuedAt: number | null
  /** Unix milliseconds. */
  readonly expiresAt: number
  /** Of an SVID: the agent, which passes the liveness gate at each act. */
  readonly svid: CertificateCaller | null
  /** Of an operator's certificate: RFC 7638, base64url. */
  readonly keyThumbprint?: string
}

/** Who manages: by an API key, or as a principal with roles. */
export type ManagerCaller = ApiKeyCaller | PrincipalCaller

/** A token of a tenant's identity provider, verified: it may open one lineage for the agent that it names. */
export interface ExternalTokenCaller {
  readonly kind: 'external-token'
  readonly permissions: ReadonlySet<Permission>
  readonly tenant: string
  /** The name that its claim maps to. The agent may not be there yet. */
  readonly agent: string
  /** Id of the provider, and its issuer. */
  readonly idp: string
  readonly issuer: string
  /** The claim as it came. */
  readonly subject: string
  /** Of the agent, if it is to be made. */
  readonly tier: Tier
  /** Hex SHA-256 of what was signed: a signature can be written in several ways. */
  readonly tokenHash: string
  /** When the settings that it was judged by were made, Unix milliseconds. */
  readonly configuredAt: number
  /** Unix milliseconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/**
 * The certificate that stands beside the secret of an agent: an SVID of ours, or one of the authority of its tenant.
 */
export type SecondFactor =
  | { readonly kind: 'svid'; readonly certificate: CertificateCaller }
  | { readonly kind: 'certificate'; readonly keyThumbprint: string; readonly endsAt: number }

/** An agent by its secret, and by its certificate where that is required or came along. */
export interface SecretCaller extends AgentKey {
  readonly kind: 'agent-secret'
  readonly permissions: ReadonlySet<Permission>
  readonly spiffeId: string
  /** Public id of the secret. */
  readonly secret: string
  /** Of the agent, when the secret was made. */
  readonly incarnation: number
  /** Null: none came, and none was required. */
  readonly factor: SecondFactor | null
  /** Unix milliseconds. */
  readonly expiresAt: number
}

interface AgentCaller extends AgentKey {
  readonly permissions: ReadonlySet<Permission>
  readonly spiffeId: string
  readonly lineage: string
  readonly incarnation: number
  readonly expiresAt: number
}

/** An agent with the token of its bootstrap. */
export interface TokenCaller extends AgentCaller {
  readonly kind: 'agent-token'
  readonly jti: string
  /** Thumbprint of the key that the token is bound to, or null. */
  readonly jkt: string | null
}

/** An agent that proved, by TLS, the key of its own certificate. */
export interface CertificateCaller extends AgentCaller {
  readonly kind: 'agent-certificate'
  readonly issuerKeyId: string
  readonly serial: string
  readonly keyThumbprint: string
}

/** A node that proved, by TLS, the key that it attested with. */
export interface NodeCaller extends NodeScope {
  readonly kind: 'node-certificate'
  readonly permissions: ReadonlySet<Permission>
  readonly node: string
  readonly spiffeId: string
  /** The key, DER SubjectPublicKeyInfo; it is certified again at each renewal. */
  readonly spki: Uint8Array
  readonly keyThumbprint: string
  /** Unix milliseconds. */
  readonly expiresAt: number
}

/** The identity that authentication proved. */
export type Caller =
  | ApiKeyCaller
  | PrincipalCaller
  | TokenCaller
  | CertificateCaller
  | ExternalTokenCaller
  | SecretCaller
  | NodeCaller

/**
 * A workload for which a node asks: the pipeline's caller at the door of nodes. The node vouches, and its own
 * certificate bounds how long.
 */
export interface WorkloadCaller extends AgentCaller {
  readonly kind: 'workload'
  readonly node: NodeCaller
  readonly entry: string
  /** Of the entry as it was read: what is made of it counts only while it is the same. */
  readonly revision: number
  /** The certificate of the lineage that the new one follows; null: the first of a new lineage. */
  readonly renews: { readonly issuerKeyId: string; readonly serial: string } | null
}

/** What a workload may do by being vouched for: nothing. It acts with what it is given. */
export const VOUCHED: ReadonlySet<Permission> = new Set()

/** One call, as far as records tell of it. */
export interface Act {
  readonly caller: Caller | 'server'
  /** Unix milliseconds. */
  readonly at: number
  /** Remote address. */
  readonly source: string | null
  /** Request id, the same in the reply, the log and the events. */
  readonly correlation: string | null
}

/** A call of whoever manages. */
export type ManagerAct = Act & { readonly caller: ManagerCaller }

/** The caller as events name it: a node also of what it asks for its workloads. */
export function actorOf(caller: Caller | WorkloadCaller | 'server'): string {
  if (caller === 'server') return 'server'
  switch (caller.kind) {
    case 'workload':
      return actorOf(caller.node)
    case 'api-key':
      return `api-key:${caller.id}`
    case 'principal':
      return `principal:${caller.id}`
    case 'external-token':
      return `idp:${caller.idp}`
    case 'agent-secret':
      return actorOfSecret(caller.secret)
    case 'node-certificate':
      return `node:${caller.node}`
    case 'agent-token':
    case 'agent-certificate':
      return `agent:${caller.spiffeId}`
    default:
      throw new TypeError(`unknown caller ${caller satisfies never}`)
  }
}

/** The secret of an agent as events name it, and as what it mints. */
export const actorOfSecret = (id: string): string => `agent-secret:${id}`

/**
 * The name under which calls are counted: all credentials of one agent share one allowance. A provider's token is not
 * yet one: it may name an agent that is not the provider's, and would use up what that one needs to renew.
 */
export function identityOf(caller: Caller): string {
  switch (caller.kind) {
    case 'api-key':
      return `api-key:${caller.id}`
    case 'principal':
      return `principal:${caller.id}`
    case 'node-certificate':
      return `node:${caller.node}`
    // One agent of a provider shall not use up what the others have.
    case 'external-token':
      return `idp:${caller.idp} ${caller.agent}`
    case 'agent-secret':
    case 'agent-token':
    case 'agent-certificate':
      return `agent:${caller.tenant}/${caller.agent}`
    default:
      throw new TypeError(`unknown caller ${caller satisfies never}`)
  }
}

/** Throws `permission_missing`, naming the permission, unless the caller has it. */
export function requirePermission(caller: Caller | 'server', permission: Permission): void {
  if (caller === 'server' || caller.permissions.has(permission)) return
  throw new LanyardError('permission_missing', `expected a credential with ${permission}, got ${actorOf(caller)}`, {
    permission,
  })
}

/**
 * Whether the caller may learn of what belongs to this tenant; of what belongs to none (null) only a caller of all may.
 */
export const maySee = (caller: Caller | 'server', tenant: string | null): boolean =>
  caller === 'server' || caller.tenant === null || caller.tenant === tenant

/**
 * Throws `tenant_mismatch` unless the caller may speak of this tenant. Nothing is looked up, so that the answer does
 * not tell whether a foreign tenant exists.
 */
export function requireTenant(caller: Caller | 'server', tenant: string): void {
  if (caller === 'server' || maySee(caller, tenant)) return
  throw new LanyardError('tenant_mismatch', `expected tenant ${caller.tenant}, got ${tenant}`)
}

/** The tenant that a list is restricted to: the one asked for, or the caller's own; undefined for all. */
export function tenantScope(caller: Caller, asked: string | undefined): string | undefined {
  if (asked !== undefined) requireTenant(caller, asked)
  return asked ?? caller.tenant ?? undefined
}
