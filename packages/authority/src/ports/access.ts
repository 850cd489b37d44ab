import type { Permission } from '@lanyard/api'
import type { Listed, Page, Step } from './store.ts'

/** A role that somebody defined. The built-in ones are in the API's table. */
export interface RoleState {
  /** 32 hex digits. */
  readonly id: string
  readonly role: string
  /** Null: of all tenants. */
  readonly tenant: string | null
  readonly description: string
  readonly permissions: readonly Permission[]
  readonly createdBy: string
  readonly createdAt: number
  readonly updatedAt: number
}

export interface RoleRows {
  find(id: string): Step<RoleState | undefined>
  /** The tenant's own, or else that of all tenants. */
  findByName(role: string, tenant: string | null): Step<RoleState | undefined>
  insert(role: RoleState): Step<void>
  update(role: RoleState): Step<void>
  remove(id: string): Step<void>
  /** Whether a binding or an API key has a role of this name at `at`: in the tenant alone; null: anywhere. */
  isGiven(role: string, tenant: string | null, at: number): Step<boolean>
  count(tenant: string | null): Step<number>
  /** By name; `tenant`: its own and those of all; undefined: every one. */
  list(filter: { readonly tenant?: string | undefined }, page: Page): Step<Listed<RoleState>>
}

export type BindeeKind = 'user' | 'group' | 'spiffe-id' | 'certificate'

export interface BindeeState {
  readonly kind: BindeeKind
  /** Id of the issuer; null but for users and groups. */
  readonly issuer: string | null
  readonly value: string
}

export interface BindingState extends BindeeState {
  /** 32 hex digits. */
  readonly id: string
  /** Name of a built-in role, or of one that {@link RoleRows.findByName} finds in the binding's tenant. */
  readonly role: string
  readonly tenant: string | null
  readonly agents: string | null
  readonly createdBy: string
  readonly createdAt: number
  /** Null: it stays. */
  readonly expiresAt: number | null
}

export interface BindingRows {
  find(id: string): Step<BindingState | undefined>
  insert(binding: BindingState): Step<void>
  remove(id: string): Step<void>
  /** Of any of these, in one statement: at each call of a principal. */
  of(bindees: readonly BindeeState[]): Step<readonly BindingState[]>
  /** Of an agent by its SVID: the same as {@link of}, at each bootstrap. */
  ofAgent(spiffeId: string): Step<readonly BindingState[]>
  /** All of the users and groups of an issuer, in no order. */
  ofIssuer(issuer: string): Step<readonly BindingState[]>
  removeOfIssuer(issuer: string): Step<readonly BindingState[]>
  /** Those that this one made, named as events do, in no order. */
  madeBy(maker: string): Step<readonly BindingState[]>
  count(tenant: string | null): Step<number>
  /** Newest first. `tenant`: of this one alone; null: those of all tenants alone; undefined: every one. */
  list(
    filter: {
      readonly tenant?: string | null | undefined
      readonly role?: string | undefined
      readonly kind?: BindeeKind | undefined
    },
    page: Page,
  ): Step<Listed<BindingState>>
}

/** Who vouches for people and programs. */
export interface IssuerState {
  /** 32 hex digits. */
  readonly id: string
  readonly issuer: string
  readonly tenant: string | null
  readonly jwksUri: string | null
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly claims: { readonly subject: string; readonly name: string; readonly groups: string }
  readonly maxTokenAgeSec: number
  readonly introspection: { readonly url: string; readonly clientId: string } | null
  /** The client's secret, sealed; null: none. */
  readonly introspectionSecret: Uint8Array | null
  readonly login: { readonly clientId: string; readonly scopes: readonly string[] } | null
  readonly enabled: boolean
  readonly createdBy: string
  readonly updatedBy: string
  readonly createdAt: number
  readonly updatedAt: number
}

export interface IssuerRows {
  find(id: string): Step<IssuerState | undefined>
  /** Enabled ones of this `iss`, of all tenants and of each. */
  byIssuer(issuer: string): Step<readonly IssuerState[]>
  /** Whether there is one of this `iss`, enabled or not: of the tenant; null: of all tenants. */
  has(issuer: string, tenant: string | null): Step<boolean>
  /** The enabled one that introspects for the tenant; null: for all tenants. */
  introspecting(tenant: string | null): Step<IssuerState | undefined>
  insert(issuer: IssuerState): Step<void>
  update(issuer: IssuerState): Step<void>
  remove(id: string): Step<void>
  count(tenant: string | null): Step<number>
  /** By issuer; `tenant`: its own and those of all; undefined: every one. */
  list(filter: { readonly tenant?: string | undefined }, page: Page): Step<Listed<IssuerState>>
}

/** Where a kill shut a principal out, and since when it is let in again, with what is issued after that. */
export interface BarState {
  /** Null: everywhere; a tenant: of that alone. */
  readonly tenant: string | null
  /** Unix milliseconds; null: it is shut out. */
  readonly liftedAt: number | null
}

/** Principals that a kill shut out: of one tenant by who manages that, of everything by who manages all. */
export interface BarredPrincipalRows {
  /** In no order, those that were lifted too. */
  of(principal: string): Step<readonly BarState[]>
  /** Again without effect, but for one that was lifted. */
  bar(
    principal: string,
    by: { readonly at: number; readonly reason: string; readonly tenant: string | null },
  ): Step<void>
  /** Lets it in again at this time (Unix ms). False: it was not barred there. */
  lift(principal: string, tenant: string | null, at: number): Step<boolean>
}
