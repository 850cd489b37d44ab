import { type KeyRole, LanyardError, type Permission } from '@lanyard/api'
import type { AgentKey, NodeScope } from './ports.ts'

/** Who calls with an API key. */
export interface ApiKeyCaller {
  readonly kind: 'api-key'
  readonly id: string
  readonly name: string
  readonly role: KeyRole
  readonly permissions: ReadonlySet<Permission>
  /** Null: every tenant. */
  readonly tenant: string | null
  /** Pattern of the agents that it may bootstrap; null: every one. */
  readonly agents: string | null
  readonly rateLimit: number | null
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
export type Caller = ApiKeyCaller | TokenCaller | CertificateCaller | NodeCaller

/**
 * A workload for which a node asks: the pipeline's caller at the door of nodes. The node vouches, and its own certificate
 * bounds how long.
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

/** The caller as events name it: a node also of what it asks for its workloads. */
export function actorOf(caller: Caller | WorkloadCaller | 'server'): string {
  if (caller === 'server') return 'server'
  switch (caller.kind) {
    case 'workload':
      return actorOf(caller.node)
    case 'api-key':
      return `api-key:${caller.id}`
    case 'node-certificate':
      return `node:${caller.node}`
    case 'agent-token':
    case 'agent-certificate':
      return `agent:${caller.spiffeId}`
    default:
      throw new TypeError(`unknown caller ${caller satisfies never}`)
  }
}

/** The name under which calls are counted: all credentials of one agent share one allowance. */
export function identityOf(caller: Caller): string {
  if (caller.kind === 'api-key') return `api-key:${caller.id}`
  return caller.kind === 'node-certificate' ? `node:${caller.node}` : `agent:${caller.tenant}/${caller.agent}`
}

/** Throws `permission_missing`, naming the permission, unless the caller has it. */
export function requirePermission(caller: Caller | 'server', permission: Permission): void {
  if (caller === 'server' || caller.permissions.has(permission)) return
  throw new LanyardError('permission_missing', `expected a credential with ${permission}, got ${actorOf(caller)}`, {
    permission,
  })
}

/** Whether the caller may learn of what belongs to this tenant; of what belongs to none (null) only a caller of all may. */
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
