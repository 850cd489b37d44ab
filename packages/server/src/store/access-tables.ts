/** Tables of who may ask, as `Schema` has them: providers, secrets, roles, issuers, bindings, policies. */

export interface IdpTable {
  id: Uint8Array
  tenant_id: number
  issuer: string
  jwks_uri: string | null
  /** JSON, as `algorithms` and `required_claims`. */
  audiences: string
  algorithms: string
  agent_claim: string
  required_claims: string
  max_token_age_sec: number
  tier: string
  enabled: number
  allow_agent_federation: number
  created_by: string
  updated_by: string
  created_at: number
  updated_at: number
}

export interface FederatedTokenTable {
  hash: Uint8Array
  tenant_id: number
  agent: string
  lineage: Uint8Array
  expires_at: number
}

export interface AdmissionTable {
  tenant_id: number
  on_federation: string
  agent_mtls_required: number | null
  agent_mtls_ca: string | null
}

export interface AgentSecretTable {
  id: string
  tenant_id: number
  agent_id: number
  hash: Uint8Array
  incarnation: number
  standing: string
  created_by: string
  created_at: number
  ended_at: number | null
}

export interface RoleTable {
  id: Uint8Array
  role: string
  tenant: string | null
  description: string
  /** JSON array. */
  permissions: string
  created_by: string
  created_at: number
  updated_at: number
}

export interface IssuerOfPrincipalsTable {
  id: Uint8Array
  issuer: string
  tenant: string | null
  jwks_uri: string | null
  /** JSON, as `algorithms`, `claims`, `introspection` and `login`. */
  audiences: string
  algorithms: string
  claims: string
  max_token_age_sec: number
  introspection: string | null
  introspection_secret: Uint8Array | null
  login: string | null
  enabled: number
  created_by: string
  updated_by: string
  created_at: number
  updated_at: number
}

export interface BindingTable {
  id: Uint8Array
  kind: string
  issuer: Uint8Array | null
  value: string
  role: string
  tenant: string | null
  agents: string | null
  created_by: string
  created_at: number
  expires_at: number | null
}

export interface TrustedSettingTable {
  kind: 'idp' | 'issuer'
  /** Hex, as lineages name who minted them. */
  id: string
  setting: string
  tenant: string | null
  maker: string
  /** Unix milliseconds; null: it is there. */
  gone_at: number | null
}

export interface PolicyVersionTable {
  /** The tenant; empty: the trust domain. */
  scope: string
  version: number
  policies: string
  schema_text: string
  /** JSON array. */
  entities: string
  comment_text: string
  state: string
  created_by: string
  created_at: number
  activated_at: number | null
  follows: number | null
}
