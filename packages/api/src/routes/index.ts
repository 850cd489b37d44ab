import { bootstrapAgent, issueCert, revokeCert, whoami } from './agent.ts'
import { createAgent, getAgent, listAgents, reinstateAgent, retireAgent, updateAgent } from './agents.ts'
import { createApiKey, deleteApiKey, listApiKeys } from './api-keys.ts'
import { listBundles, removeBundle, setBundle } from './bundles.ts'
import { createEntries, createEntry, deleteEntry, getEntry, listEntries, updateEntry } from './entries.ts'
import { acknowledge, enrolPoint, getFeed, listPoints } from './feed.ts'
import { evictInstance, listInstances } from './instances.ts'
import {
  getIncident,
  getIncidentSnapshot,
  killAgent,
  killCredential,
  killTenant,
  listIncidents,
  reinstateTenant,
} from './kill.ts'
import { getMetrics } from './metrics.ts'
import { followNode, issueJwtSvid, issueWitSvid, issueWorkloadCert, reportSignals } from './node-workloads.ts'
import {
  attestNode,
  banNode,
  challengeNode,
  createJoinToken,
  getNode,
  listNodes,
  removeNode,
  renewNode,
  unbanNode,
  updateNode,
} from './nodes.ts'
import { getBundle, getJwks, getOpenApi, getRootPem, healthz, readyz } from './public.ts'
import { listCertificates, listEvents } from './records.ts'
import { announceService, listServices, withdrawService } from './services.ts'
import { createTenant, getTenant, listTenants, updateTenant } from './tenants.ts'

/** The whole API. What is not here does not exist: mounting, limits, audit, OpenAPI and guard tests walk this table. */
export const routes = {
  bootstrapAgent,
  issueCert,
  revokeCert,
  whoami,
  createTenant,
  listTenants,
  getTenant,
  updateTenant,
  createAgent,
  listAgents,
  getAgent,
  updateAgent,
  retireAgent,
  reinstateAgent,
  killAgent,
  killTenant,
  reinstateTenant,
  killCredential,
  listIncidents,
  getIncident,
  getIncidentSnapshot,
  getFeed,
  enrolPoint,
  listPoints,
  acknowledge,
  announceService,
  withdrawService,
  listServices,
  listInstances,
  evictInstance,
  createEntry,
  createEntries,
  listEntries,
  getEntry,
  updateEntry,
  deleteEntry,
  createJoinToken,
  challengeNode,
  attestNode,
  renewNode,
  listNodes,
  getNode,
  updateNode,
  banNode,
  unbanNode,
  removeNode,
  followNode,
  issueWorkloadCert,
  issueJwtSvid,
  issueWitSvid,
  reportSignals,
  setBundle,
  listBundles,
  removeBundle,
  listCertificates,
  listEvents,
  createApiKey,
  listApiKeys,
  deleteApiKey,
  getBundle,
  getJwks,
  getRootPem,
  getOpenApi,
  getMetrics,
  healthz,
  readyz,
} as const

export type Routes = typeof routes
export type RouteId = keyof Routes
