import type { KeyPolicy, KillScope, Lifecycle, Tier } from '@lanyard/api'

// The same lists as in the API, here as text so that a command starts without loading its schemas; a test compares.
export const TIERS = ['platinum', 'gold', 'silver', 'bronze', 'restricted'] as const satisfies readonly Tier[]
export const LIFECYCLES = [
  'pending',
  'active',
  'degraded',
  'restricted',
  'quarantined',
  'retired',
] as const satisfies readonly Lifecycle[]
export const KEY_POLICIES = ['rsa-only', 'modern'] as const satisfies readonly KeyPolicy[]
export const KILL_SCOPES = ['agent', 'lineage', 'token', 'api-key', 'source'] as const satisfies readonly KillScope[]
export const EXTERNAL_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
] as const
export const IDP_PRESETS = ['okta', 'auth0', 'entra', 'keycloak', 'github-actions', 'kubernetes'] as const
export const BINDEE_KINDS = ['user', 'group', 'spiffe-id', 'certificate'] as const
export const YES_NO = ['yes', 'no'] as const
