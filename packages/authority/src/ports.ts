import type { BarredPrincipalRows, BindingRows, IssuerRows, RoleRows } from './ports/access.ts'
import type { CertificateRows, LineageRows } from './ports/certificates.ts'
import type { DeathRows, EpochRows } from './ports/deaths.ts'
import type { EntryRows, FederatedBundleRows } from './ports/entries.ts'
import type { EventRows } from './ports/events.ts'
import type { AdmissionRows, FederatedTokenRows, IdpRows } from './ports/idps.ts'
import type { IncidentRows, SnapshotRows } from './ports/incidents.ts'
import type { InstanceRows } from './ports/instances.ts'
import type { JoinTokenRows, NodeRows } from './ports/nodes.ts'
import type { AckRows, PointRows } from './ports/points.ts'
import type { PolicyRows } from './ports/policies.ts'
import type { AgentRows, ApiKeyRows, ServiceRows, TenantRows } from './ports/registry.ts'
import type { SecretRows } from './ports/secrets.ts'
import type { MakerRows, TrustRows } from './ports/trust.ts'

export * from './ports/access.ts'
export * from './ports/certificates.ts'
export * from './ports/deaths.ts'
export * from './ports/entries.ts'
export * from './ports/events.ts'
export * from './ports/idps.ts'
export * from './ports/incidents.ts'
export * from './ports/instances.ts'
export * from './ports/nodes.ts'
export * from './ports/points.ts'
export * from './ports/policies.ts'
export * from './ports/registry.ts'
export * from './ports/secrets.ts'
export * from './ports/store.ts'
export * from './ports/trust.ts'

/** The tables, by noun. */
export interface Rows {
  readonly tenants: TenantRows
  readonly agents: AgentRows
  readonly lineages: LineageRows
  readonly certificates: CertificateRows
  readonly events: EventRows
  readonly apiKeys: ApiKeyRows
  readonly epoch: EpochRows
  readonly deaths: DeathRows
  readonly incidents: IncidentRows
  readonly points: PointRows
  readonly acks: AckRows
  readonly snapshots: SnapshotRows
  readonly services: ServiceRows
  readonly instances: InstanceRows
  readonly entries: EntryRows
  readonly federatedBundles: FederatedBundleRows
  readonly nodes: NodeRows
  readonly joinTokens: JoinTokenRows
  readonly idps: IdpRows
  readonly federatedTokens: FederatedTokenRows
  readonly admissions: AdmissionRows
  readonly secrets: SecretRows
  readonly roles: RoleRows
  readonly bindings: BindingRows
  readonly issuers: IssuerRows
  readonly barredPrincipals: BarredPrincipalRows
  readonly policies: PolicyRows
  readonly trust: TrustRows
  readonly makers: MakerRows
}
