import type { StoreRows } from '../ports.ts'
import { ackRows } from './acks.ts'
import { admissionRows } from './admissions.ts'
import { agentSecretRows } from './agent-secrets.ts'
import { agentRows } from './agents.ts'
import { agentsOfTenant } from './agents-of-tenant.ts'
import { apiKeyRows } from './api-keys.ts'
import { authorityRows } from './authorities.ts'
import { barredPrincipalRows } from './barred-principals.ts'
import { bindingRows } from './bindings.ts'
import { certificateRows } from './certificates.ts'
import type { RowContext } from './context.ts'
import { deathRows } from './deaths.ts'
import { entryRows } from './entries.ts'
import { entriesOfNode } from './entries-of-node.ts'
import { entryList } from './entry-list.ts'
import { epochRows } from './epoch.ts'
import { eventRows } from './events.ts'
import { federatedBundleRows } from './federated-bundles.ts'
import { federatedTokenRows } from './federated-tokens.ts'
import { headRows } from './heads.ts'
import { idpRows } from './idps.ts'
import { incidentSteps } from './incident-steps.ts'
import { incidentRows } from './incidents.ts'
import { instanceRows } from './instances.ts'
import { issuerRows } from './issuers.ts'
import { joinTokenRows } from './join-tokens.ts'
import { lineageLinks } from './lineage-links.ts'
import { lineageRows } from './lineages.ts'
import { metaRows } from './meta.ts'
import { nodeRows } from './nodes.ts'
import { pointRows } from './points.ts'
import { policyRows } from './policies.ts'
import { roleRows } from './roles.ts'
import { serviceRows } from './services.ts'
import { sightRows } from './sight.ts'
import { snapshotRows } from './snapshots.ts'
import { tenantRows } from './tenants.ts'
import { makerRows, trustRows } from './trust.ts'

/** All tables. The same for every database. */
export const storeRows = (context: RowContext): StoreRows => ({
  tenants: tenantRows(context),
  agents: { ...agentRows(context), ...agentsOfTenant(context) },
  lineages: { ...lineageRows(context), ...lineageLinks(context) },
  certificates: certificateRows(context),
  events: eventRows(context),
  apiKeys: apiKeyRows(context),
  epoch: epochRows(context),
  deaths: deathRows(context),
  incidents: { ...incidentRows(context), ...incidentSteps(context) },
  points: pointRows(context),
  acks: ackRows(context),
  snapshots: snapshotRows(context),
  services: serviceRows(context),
  entries: { ...entryRows(context), ...entriesOfNode(context), ...entryList(context) },
  federatedBundles: federatedBundleRows(context),
  nodes: nodeRows(context),
  joinTokens: joinTokenRows(context),
  policies: policyRows(context),
  idps: idpRows(context),
  federatedTokens: federatedTokenRows(context),
  admissions: admissionRows(context),
  secrets: agentSecretRows(context),
  roles: roleRows(context),
  bindings: bindingRows(context),
  issuers: issuerRows(context),
  barredPrincipals: barredPrincipalRows(context),
  trust: trustRows(context),
  makers: makerRows(context),
  meta: metaRows(context),
  instances: instanceRows(context),
  authorities: authorityRows(context),
  heads: headRows(context),
  sight: sightRows(context),
})
