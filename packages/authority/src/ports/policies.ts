import type { Listed, Page, Step } from './store.ts'

/** A version of the policies of one scope: the trust domain (no tenant), or a tenant. */
export interface PolicyVersionState {
  readonly tenant: string | null
  /** From 1 in each scope. */
  readonly version: number
  readonly policies: string
  readonly schema: string
  readonly entities: readonly unknown[]
  readonly comment: string
  readonly state: 'saved' | 'active' | 'shadow' | 'retired'
  readonly createdBy: string
  readonly createdAt: number
  readonly activatedAt: number | null
  /** The version that decided before this one; null: none did. */
  readonly follows: number | null
}

/** Which version decides, or is asked beside. */
export interface PolicyInForce {
  readonly tenant: string | null
  readonly version: number
  readonly state: 'active' | 'shadow'
}

export interface PolicyRows {
  find(tenant: string | null, version: number): Step<PolicyVersionState | undefined>
  active(tenant: string | null): Step<PolicyVersionState | undefined>
  shadow(tenant: string | null): Step<PolicyVersionState | undefined>
  insert(version: PolicyVersionState): Step<void>
  /** Writes state, activation and what it follows. */
  update(version: PolicyVersionState): Step<void>
  newest(tenant: string | null): Step<number>
  count(tenant: string | null): Step<number>
  /** Newest first. */
  list(tenant: string | null, page: Page): Step<Listed<PolicyVersionState>>
  /**
   * Removes the oldest version of a scope that neither decides, nor is in the shadow, nor would decide after a
   * roll-back, nor is the newest. Whether there was one.
   */
  removeOldest(tenant: string | null): Step<boolean>
  /**
   * Grows with each activation, roll-back and shadow: instances look at it, and read what is in force when it moved.
   */
  revision(): Step<number>
  bumpRevision(): Step<number>
  /** Active and shadowed ones of every scope, without what stands in them: that never changes. */
  inForce(): Step<readonly PolicyInForce[]>
}

/** An entity of Cedar. */
export interface PolicyEntity {
  /** Without the namespace: `Agent`, `ApiKey`, `User`. */
  readonly type: string
  readonly id: string
}

export interface PolicyEntityState extends PolicyEntity {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly parents: readonly PolicyEntity[]
}

/** What is asked of the policies. */
export interface PolicyQuestion {
  readonly principal: PolicyEntity
  /** Id of a route, `issue`, `call` or a permission. */
  readonly action: string
  readonly resource: PolicyEntity
  /** Whose policies are asked beside those of the trust domain; null: none. */
  readonly tenant: string | null
  readonly context: Readonly<Record<string, unknown>>
  /** What is known of principal, resource and what they are in. */
  readonly entities: readonly PolicyEntityState[]
}

export interface PolicyDecision {
  readonly allowed: boolean
  /** Ids of the policies that decided: `acme@3:no-kills-at-night`. */
  readonly policies: readonly string[]
  /** What could not be evaluated; not empty: a deny. */
  readonly errors: readonly string[]
}

/** The policies in force, asked synchronously and from memory. Never throws: an engine that fails denies. */
export interface Policies {
  /** False: nothing is in force for this tenant, and no question needs to be put together. */
  asks(tenant: string | null): boolean
  decide(question: PolicyQuestion): PolicyDecision
}
