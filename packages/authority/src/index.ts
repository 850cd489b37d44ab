export * from './access/index.ts'
export * from './bootstrap.ts'
export * from './ca/index.ts'
export * from './caller.ts'
export { concerning, concernOf, type KnownRefusal, knownRefusalOf, refusedAs } from './concern.ts'
export { requireDnsNames } from './dns-names.ts'
export { withEpoch } from './epoch.ts'
export * from './event.ts'
export * from './federation/index.ts'
export * from './feed/index.ts'
export * from './incident/index.ts'
export type { IssueAsked, IssueGate } from './issue/gate.ts'
export type { X509Issuer } from './issue/issuer.ts'
export { Issuing, type IssuingPorts, newSerial } from './issue/issuing.ts'
export type { RefusedRequest } from './issue/refusals.ts'
export type { IssueCaller, Issued, IssueRequest } from './issue/request.ts'
export { KEY_POLICY } from './key-policy.ts'
export * from './kill/index.ts'
export * from './lifetime.ts'
export * from './liveness.ts'
export * from './names.ts'
export * from './nodes/index.ts'
export * from './policies/index.ts'
export * from './ports.ts'
export { RefusalEvents } from './refusal-events.ts'
export * from './registry/agents.ts'
export {
  API_KEY_PREFIX,
  type ApiKeyInput,
  callerOfApiKey,
  createApiKey,
  deleteApiKey,
  type FoundApiKey,
  findApiKey,
  newApiKey,
  parseApiKey,
} from './registry/api-keys.ts'
export * from './registry/bundles.ts'
export * from './registry/entries.ts'
export type { EntryRules, EntrySettings } from './registry/entry-settings.ts'
export * from './registry/tenants.ts'
export * from './revoke.ts'
export * from './secrets/index.ts'
export * from './services.ts'
export { requireStanding } from './standing.ts'
export * from './time.ts'
export * from './workloads/index.ts'
