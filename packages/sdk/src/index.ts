import './node-version.ts'

export { Bundle, ProtocolError, SpiffeId, TrustDomain, type VerifiedJwtSvid } from '@lanyard/protocol'
export type { CertificateReply, CertificateRequest, ReputationTier } from './client/reply.ts'
export { IdentityError, type IdentityErrorDetails, SDK_CODES, type SdkCode } from './errors.ts'
export type { LivenessMode, LivenessOptions } from './feed/options.ts'
export {
  type Authorizer,
  agentId,
  dangerouslyAny,
  memberOf,
  oneOf,
  type Route,
  type TenantOptions,
  tenant,
} from './guard/authorizer.ts'
export { type Caller, caller } from './guard/caller.ts'
export type { GuardReport, GuardStanding } from './guard/guard.ts'
export type { Handler, ServerChoice, Serving } from './guard/serve.ts'
export type {
  AllowChoice,
  ConnectOptions,
  PeerChoice,
  PeerInit,
  PoliciesChoice,
  ServeOptions,
} from './identity/choices.ts'
export type { Cut, Failing, IdentityEvents, LivenessChange, Lost, Refused, Withdrawn } from './identity/events.ts'
export type { SvidFiles } from './identity/files.ts'
export { Identity } from './identity/identity.ts'
export type { IdentityKeyType } from './identity/keys.ts'
export type { CommonOptions, FileOptions, IssuedOptions, ProviderOptions, TokenOptions } from './identity/options.ts'
export type { Svid } from './identity/svid.ts'
export type { Token } from './identity/token-source.ts'
export type { IdentityChoice, WorkloadOptions } from './identity/workload-options.ts'
export type { Peer } from './mtls/session.ts'
export type { TimeSource } from './time.ts'
export { BundleSet } from './workload-api/bundles.ts'
export type { CallOptions } from './workload-api/channel.ts'
export { type ValidatedJwtSvid, WorkloadApiClient } from './workload-api/client.ts'
export { JwtSource } from './workload-api/jwt-source.ts'
export type { JwtSvid, JwtSvidChoice, WitSvid } from './workload-api/jwt-svids.ts'
export type { WorkloadApiOptions } from './workload-api/options.ts'
export type { OpenOptions } from './workload-api/source-state.ts'
export { type JwtSvidExpectation, validateJwtSvid } from './workload-api/validate.ts'
export type { WatchListener } from './workload-api/watch.ts'
export type { GivenSvid, X509Context } from './workload-api/x509-context.ts'
export { type SvidPicker, X509Source, type X509SourceOptions } from './workload-api/x509-source.ts'
