import type { StoreRows } from '../ports.ts'
import { agentRows } from './agents.ts'
import { apiKeyRows } from './api-keys.ts'
import { authorityRows } from './authorities.ts'
import { certificateRows } from './certificates.ts'
import type { RowContext } from './context.ts'
import { epochRows } from './epoch.ts'
import { eventRows } from './events.ts'
import { headRows } from './heads.ts'
import { lineageRows } from './lineages.ts'
import { instanceRows, metaRows } from './meta.ts'
import { tenantRows } from './tenants.ts'

/** All tables. The same for every database. */
export const storeRows = (context: RowContext): StoreRows => ({
  tenants: tenantRows(context),
  agents: agentRows(context),
  lineages: lineageRows(context),
  certificates: certificateRows(context),
  events: eventRows(context),
  apiKeys: apiKeyRows(context),
  epoch: epochRows(context),
  meta: metaRows(context),
  instances: instanceRows(context),
  authorities: authorityRows(context),
  heads: headRows(context),
})
