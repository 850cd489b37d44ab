export * from './errors.ts'
export * from './events.ts'
export {
  fillPreset,
  IDP_PRESET_NAMES,
  IDP_PRESETS,
  type IdpPreset,
  type IdpPresetName,
} from './idp-presets.ts'
export * from './metrics/index.ts'
export * from './nearest.ts'
export * from './openapi.ts'
export * from './permissions.ts'
export * from './route.ts'
export type { AccessBinding, AccessIssuer, AccessRole, Bindee } from './routes/access.ts'
export { BINDEE_KINDS } from './routes/access.ts'
export type { Admission } from './routes/admission.ts'
export type { Agent } from './routes/agents.ts'
export type { ApiKey } from './routes/api-keys.ts'
export type { FederatedBundle } from './routes/bundles.ts'
export type { Entry, NewEntry } from './routes/entries.ts'
export type { Point, PointMode } from './routes/feed.ts'
export { EXTERNAL_ALGORITHMS, type Idp, type IdpStep, ON_FEDERATION } from './routes/idps.ts'
export * from './routes/index.ts'
export type { Instance } from './routes/instances.ts'
export {
  type Incident,
  type IncidentHead,
  KILL_SCOPES,
  type Killed,
  type KillScope,
  STEPS,
  type StepName,
} from './routes/kill.ts'
export { NodeChange, NodeEntry } from './routes/node-workloads.ts'
export type { Node, NodeCredential, NodeMethod } from './routes/nodes.ts'
export type { PolicySet, PolicyVersion } from './routes/policies.ts'
export type { CertificateRecord, EventRecord } from './routes/records.ts'
export type { Service } from './routes/services.ts'
export type { Tenant } from './routes/tenants.ts'
export * from './shapes.ts'
