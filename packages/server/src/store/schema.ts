import type { Generated } from 'kysely'
import type {
  AdmissionTable,
  AgentSecretTable,
  BindingTable,
  FederatedTokenTable,
  IdpTable,
  IssuerOfPrincipalsTable,
  PolicyVersionTable,
  RoleTable,
  TrustedSettingTable,
} from './access-tables.ts'

/**
 * The tables as SQL sees them, the same in every database: bytes for ids and hashes, integers for times (Unix
 * milliseconds, seconds in `not_before` and `not_after`), short numbers for what many rows name.
 */
export interface Schema {
  migrations: { id: number; name: string; at: number }
  meta: { key: string; value: string }
  trust_domains: { id: Generated<number>; name: string }
  /** One row a trust domain; taken last in a transaction. */
  epoch: { trust_domain: number; epoch: number }
  instances: InstanceTable
  /** Stands for (trust domain, issuer key id) in every certificate row. */
  issuers: { id: Generated<number>; trust_domain: number; key_id: Uint8Array }
  tenants: TenantTable
  agents: AgentTable
  lineages: LineageTable
  certificates: CertificateTable
  events: EventTable
  chain_anchors: { instance: number; chain: number; seq: number; hash: Uint8Array }
  chain_heads: { instance: number; chain: number; seq: number; hash: Uint8Array; at: number; signature: string }
  api_keys: ApiKeyTable
  authorities: AuthorityTable
  deaths: DeathTable
  incidents: IncidentTable
  incident_steps: IncidentStepTable
  snapshots: { incident: string; taken_at: number; kept_until: number; sealed: Uint8Array }
  points: PointTable
  acks: AckTable
  services: ServiceTable
  /** One row a trust domain; taken last in a transaction. */
  entry_revisions: { trust_domain: number; revision: number; horizon: number }
  entries: EntryTable
  entry_marks: { id: Uint8Array; tenant_id: number; revision: number; at: number }
  federated_bundles: { trust_domain: string; bundle: string; updated_at: number }
  nodes: NodeTable
  join_tokens: JoinTokenTable
  idps: IdpTable
  federated_tokens: FederatedTokenTable
  admissions: AdmissionTable
  agent_secrets: AgentSecretTable
  roles: RoleTable
  issuers_of_principals: IssuerOfPrincipalsTable
  bindings: BindingTable
  barred_principals: {
    principal: Uint8Array
    scope: string
    at: number
    reason: string
    lifted_at: number | null
  }
  trusted_settings: TrustedSettingTable
  policy_revisions: { trust_domain: number; revision: number }
  policy_versions: PolicyVersionTable
}

export interface InstanceTable {
  id: Generated<number>
  uuid: string
  created_at: number
  /** Of a second writer: the instance that it belongs to. */
  writer_of: Generated<number | null>
  seen_at: Generated<number | null>
  evicted_at: Generated<number | null>
}

export interface TenantTable {
  id: Generated<number>
  trust_domain: number
  tenant: string
  key_policy: string
  renewal_grace_sec: number
  incarnation: number
  dead_through: number
  created_at: number
  updated_at: number
}

export interface AgentTable {
  id: Generated<number>
  tenant_id: number
  agent: string
  spiffe_id: string
  tier: string
  lifecycle: string
  provenance: string
  external_subject: string | null
  owner: string
  description: string
  /** JSON object. */
  labels: string
  incarnation: number
  dead_through: number
  /** When the kill of its tenant quarantined it; it stays when something else quarantines it later. */
  killed_with_tenant: Generated<number | null>
  created_at: number
  updated_at: number
}

export interface LineageTable {
  /** Stands for the lineage in certificate rows. */
  no: Generated<number>
  id: Uint8Array
  tenant_id: number
  agent_id: number
  incarnation: number
  opened_at: number
  ends_at: number
  minted_by: string
  jti: string
  jkt: string | null
  standing: string
  generation: number
  newest_key: Uint8Array | null
}

export interface CertificateTable {
  /** Instance and seq in one number: `placeOf`. */
  place: number
  issuer_id: number
  serial: Uint8Array
  tenant_id: number
  agent_id: number
  lineage_no: number
  generation: number
  incarnation: number
  tier: number
  not_before: number
  not_after: number
  issued_at: number
  parent: Uint8Array | null
  /** Null: what the parent or the lineage tells already. */
  minted_by: string | null
  key_thumbprint: Uint8Array
  revoked_at: number | null
  revoked_reason: string | null
  source: string | null
  correlation: string | null
  hash: Uint8Array
}

export interface EventTable {
  place: number
  at: number
  type: string
  outcome: string
  tenant: string | null
  agent: string | null
  actor: string
  source: string | null
  correlation: string | null
  /** JSON object, as hashed. */
  detail: string
  hash: Uint8Array
}

export interface ApiKeyTable {
  id: string
  name: string
  role: string
  tenant: string | null
  agents: string | null
  hash: Uint8Array
  created_by: string
  created_at: number
  expires_at: number
  rate_limit: number | null
  bounded: number
  revoked_at: number | null
}

export interface AuthorityTable {
  key_id: Uint8Array
  purpose: string
  instance: string | null
  algorithm: string
  certificate: Uint8Array | null
  sealed: Uint8Array | null
  state: string
  created_at: number
  not_after: number | null
}

export interface DeathTable {
  kind: string
  value: string
  through: number
  reborn: number
  epoch: number
  at: number
  until: number | null
}

export interface IncidentTable {
  id: string
  tenant: string | null
  /** JSON objects, as `taken` and `evidence`. */
  target: string
  scope: string
  reason: string
  opened_by: string
  asked: Uint8Array
  at: number
  committed_at: number | null
  epoch: number
  state: string
  closed_at: number | null
  ttl_until: number | null
  revoked: number
  unguarded_until: number | null
  taken: string
  evidence: string | null
  receipt: string | null
}

export interface IncidentStepTable {
  incident: string
  step: string
  /** When its incident was opened. */
  opened_at: number
  state: string
  claimed_by: string | null
  claimed_until: number
  done_at: number | null
  /** JSON object. */
  detail: string
}

export interface PointTable {
  point: string
  tenant_id: number
  agent_id: number
  name: string
  mode: string
  budget_ms: number
  grace_ms: number
  enrolled_at: number
  leased_until: number
  epoch: number
  as_of: number | null
  offset_ms: number | null
  uncertainty_ms: number | null
  sessions: number
}

export interface AckTable {
  point: string
  epoch: number
  received_at: number
  applied_at: number
  cut: number
  last_accept: number | null
  offset_ms: number | null
  uncertainty_ms: number | null
  jws: string
}

export interface ServiceTable {
  agent_id: number
  url: string
  tenant_id: number
  spiffe_id: string
  since: number
  leased_until: number
}

export interface EntryTable {
  no: Generated<number>
  id: Uint8Array
  tenant_id: number
  agent_id: number
  /** Null: every node of the tenant. */
  parent: string | null
  /** JSON arrays, as `dns_names` and `federates_with`. */
  selectors: string
  /** SHA-256 of parent and selectors. */
  shape: Uint8Array
  x509_ttl_sec: number | null
  jwt_ttl_sec: number | null
  dns_names: string
  hint: string | null
  federates_with: string
  expires_at: number | null
  /** 0 or 1. */
  children: number
  replicas: number
  revision: number
  created_at: number
  updated_at: number
}

export interface NodeTable {
  node: Uint8Array
  tenant_id: number | null
  name: string
  spiffe_id: string
  /** JSON array. */
  groups: string
  method: string
  joined_by: string | null
  key_thumbprint: Uint8Array
  serial: Uint8Array
  not_after: number
  attested_at: number
  renewed_at: number
  banned_at: number | null
  ban_reason: string | null
}

export interface JoinTokenTable {
  hash: Uint8Array
  tenant_id: number | null
  name: string
  /** JSON array. */
  groups: string
  created_by: string
  created_at: number
  expires_at: number
}
