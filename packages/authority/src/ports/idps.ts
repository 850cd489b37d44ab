import type { Tier } from '@lanyard/api'
import type { AgentKey } from './registry.ts'
import type { Listed, Page, Step } from './store.ts'

/** An identity provider of a tenant. */
export interface IdpState {
  /** 32 hex digits. */
  readonly id: string
  readonly tenant: string
  /** Compared letter by letter. */
  readonly issuer: string
  /** Null: by discovery. */
  readonly jwksUri: string | null
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  /** Claim that names the agent: a name or a JSON Pointer. */
  readonly agentClaim: string
  readonly requiredClaims: Readonly<Record<string, unknown>>
  readonly maxTokenAgeSec: number
  readonly tier: Tier
  readonly enabled: boolean
  readonly allowAgentFederation: boolean
  /** As events name who acts. */
  readonly createdBy: string
  readonly updatedBy: string
  readonly createdAt: number
  readonly updatedAt: number
}

export interface IdpRows {
  find(tenant: string, id: string): Step<IdpState | undefined>
  /** Whatever the tenant: for kills by `minted_by`. */
  findById(id: string): Step<IdpState | undefined>
  findByIssuer(tenant: string, issuer: string): Step<IdpState | undefined>
  insert(idp: IdpState): Step<void>
  update(idp: IdpState): Step<void>
  remove(tenant: string, id: string): Step<void>
  /** Whether an enabled one allows agent federation: then nobody else may mint for the tenant. */
  federates(tenant: string): Step<boolean>
  count(tenant: string): Step<number>
  /** By issuer. */
  list(filter: { readonly tenant: string; readonly enabled?: boolean | undefined }, page: Page): Step<Listed<IdpState>>
}

/** An external token that has opened its lineage. */
export interface FederatedTokenState extends AgentKey {
  /** Hex SHA-256 of what was signed. */
  readonly hash: string
  readonly lineage: string
  /** Unix milliseconds; kept a while longer than the token counts. */
  readonly expiresAt: number
}

export interface FederatedTokenRows {
  find(hash: string): Step<FederatedTokenState | undefined>
  /**
   * Writes down what the token opens, unless it has opened something: then nothing is written, and that comes back. Of
   * two transactions at once with one token, the second waits for the first.
   */
  claim(token: FederatedTokenState): Step<FederatedTokenState | undefined>
}

/**
 * How agents of a tenant get identities. What was never set is as {@link AdmissionState} says by default: drain, null,
 * null.
 */
export interface AdmissionState {
  readonly tenant: string
  readonly onFederation: 'end' | 'drain'
  /** Null: as the server is configured. */
  readonly agentMtlsRequired: boolean | null
  /** PEM; null: those of the server. */
  readonly agentMtlsCa: string | null
}

export interface AdmissionRows {
  find(tenant: string): Step<AdmissionState>
  put(admission: AdmissionState): Step<void>
}
