import type { Tier } from '@lanyard/api'
import type { AgentKey, AgentState, TenantState } from './registry.ts'
import type { Listed, Page, Step } from './store.ts'

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
      | { readonly source: string; readonly now: number }
      /** Those of one tenant that no identity provider vouched for. */
      | { readonly internalTo: string },
    tenant: string | null,
    limit: number,
  ): Step<readonly LineageState[]>
  /** How many open or frozen lineages of the tenant no identity provider vouched for, that have not ended at `at`. */
  countInternal(tenant: string, at: number): Step<number>
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

/** Lineages of one agent, 1,000 at most. */
export interface LineagesOf extends AgentKey {
  readonly lineages: readonly string[]
}

export interface CertificateRows {
  find(issuerKeyId: string, serial: string): Step<CertificateState | undefined>
  /** Whatever the issuer; the tenant restricts what can be seen. */
  findBySerial(serial: string, tenant: string | null): Step<CertificateState | undefined>
  /** One insert is the certificate and its `cert.issued` event. */
  insert(certificate: CertificateState): Step<void>
  /**
   * Revokes what is not yet revoked and not over at `at`, with its lineage, with lineages of one agent, of its agent or
   * its tenant; gives back the serials, newest first.
   */
  revoke(
    whose: { readonly lineage: string } | LineagesOf | AgentKey | { readonly tenant: string },
    revocation: { readonly at: number; readonly reason: string },
  ): Step<readonly string[]>
  /** Newest first. */
  list(filter: CertificateFilter, page: Page): Step<Listed<CertificateState>>
}
