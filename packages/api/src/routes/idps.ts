import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Flag, listOf, page, Text, Tier, Time } from '../shapes.ts'
import { AgentToken, Jkt } from './agent-token.ts'

/** What a provider may sign with: of each kind what our own tables know, never `none`, never a shared secret. */
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
/**
 * What becomes of lineages that began internally, when a provider begins to vouch: they end at once, or at their end.
 */
export const ON_FEDERATION = ['end', 'drain'] as const

export const HttpsUrl = Text.max(2048).regex(
  /^https:\/\/[^\s/?#@\\]+(?:[/?][^\s#\\]*)?$/,
  'expected an https URL without user and fragment',
)
/** `sub`, or a JSON Pointer (RFC 6901) such as `/kubernetes.io/serviceaccount/name`. */
const ClaimPath = Text.min(1)
  .max(256)
  // RFC 6901, 3: it would point at nothing, and what must not be there would never be found.
  .refine(path => !path.startsWith('/') || !/~(?![01])/.test(path), 'expected a JSON Pointer, in which ~ is ~0')
const ClaimValue = z.union([Text.max(1024), z.number(), z.boolean()])
export const Algorithms = z.array(z.enum(EXTERNAL_ALGORITHMS)).min(1).max(EXTERNAL_ALGORITHMS.length)

const settings = {
  /** Asked for by discovery (`<issuer>/.well-known/openid-configuration`) where it is absent or null. */
  jwks_uri: HttpsUrl.nullable(),
  /** One of these must stand in `aud` of a token, and no further one. */
  audiences: z.array(Text.min(1).max(512)).min(1).max(16),
  algorithms: Algorithms,
  claim_mapping: z.strictObject({ agentId: ClaimPath }),
  /**
   * Claim (as in `claim_mapping`) → the value, or the values of which one, that it must have; null: it must not be
   * there.
   */
  required_claims: z
    .record(ClaimPath, z.union([ClaimValue, z.array(ClaimValue).min(1).max(32), z.null()]))
    .refine(claims => Object.keys(claims).length <= 32, 'expected at most 32 claims'),
  /** Seconds since `iat`; tokens without `iat` are refused. */
  max_token_age_sec: z.int().min(30).max(86_400),
  /** Of agents that it brings. Those that are there keep theirs. */
  tier: Tier,
  enabled: z.boolean(),
  allow_agent_federation: z.boolean(),
}

export const Idp = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  issuer: z.string(),
  ...settings,
  /** As events name who acts. */
  created_by: z.string(),
  created_at: Time,
  updated_by: z.string(),
  updated_at: Time,
})
export type Idp = z.output<typeof Idp>

const partly = z.strictObject(settings).partial().shape

const ERRORS = ['name_invalid', 'tenant_unknown'] as const

export const createIdp = route({
  call: 'POST /v1/tenants/{tenant}/idps',
  summary: 'Let an identity provider vouch for the agents of a tenant.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'idp.manage' },
  limit: { per: 'identity' },
  audit: ['idp.created', 'federation.began', 'cert.revoked'],
  body: z.strictObject({
    /** Compared letter by letter with `iss`. */
    issuer: HttpsUrl,
    ...partly,
    audiences: settings.audiences,
  }),
  status: 201,
  reply: Idp,
  errors: [...ERRORS, 'idp_exists', 'idp_address_forbidden', 'agent_not_covered', 'role_too_wide', 'too_many_entries'],
})

export const listIdps = route({
  call: 'GET /v1/tenants/{tenant}/idps',
  summary: 'List the identity providers of a tenant.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'idp.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ enabled: Flag.optional(), ...page }),
  status: 200,
  reply: listOf(Idp),
  errors: [...ERRORS, 'cursor_invalid'],
})

export const getIdp = route({
  call: 'GET /v1/tenants/{tenant}/idps/{id}',
  summary: 'Show an identity provider.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'idp.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: Idp,
  errors: [...ERRORS, 'not_found'],
})

export const updateIdp = route({
  call: 'PATCH /v1/tenants/{tenant}/idps/{id}',
  summary: 'Change an identity provider. Its issuer stays as it is.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'idp.manage' },
  limit: { per: 'identity' },
  audit: ['idp.updated', 'federation.began', 'federation.ended', 'cert.revoked'],
  body: z.strictObject(partly),
  status: 200,
  reply: Idp,
  errors: [...ERRORS, 'not_found', 'idp_address_forbidden', 'agent_not_covered', 'role_too_wide'],
})

export const deleteIdp = route({
  call: 'DELETE /v1/tenants/{tenant}/idps/{id}',
  summary:
    'Delete an identity provider. What it vouched for goes on until it ends; a kill by `minted_by` ends it at once.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'idp.manage' },
  limit: { per: 'identity' },
  audit: ['idp.deleted', 'federation.ended'],
  status: 204,
  errors: [...ERRORS, 'not_found'],
})

const IdpStep = z.strictObject({
  /** `read`, `issuer`, `keys`, `signature`, `claims`, `age`, `audience`, `required_claims`, `agent`, `upsert`,
   * `provider`. */
  step: z.string(),
  ok: z.boolean(),
  /** What was expected, what came. Never the token. */
  detail: z.string(),
})
export type IdpStep = z.output<typeof IdpStep>

export const testIdp = route({
  call: 'POST /v1/tenants/{tenant}/idps/{id}/test',
  summary:
    'Judge a token as federated bootstrap would before it asks policies, and explain each step. Nothing is changed, and the token is not spent.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'idp.manage' },
  limit: { per: 'identity', times: 0.06 },
  audit: { because: 'it changes nothing' },
  body: z.strictObject({ token: Text.min(1).max(16_384) }),
  status: 200,
  reply: z.strictObject({
    accepted: z.boolean(),
    /** The name that the agent would have; null where it was not reached. */
    agent: z.string().nullable(),
    steps: z.array(IdpStep),
  }),
  errors: [...ERRORS, 'not_found'],
})

export const federatedBootstrap = route({
  call: 'POST /v1/agent/federated-bootstrap',
  summary:
    'Exchange a token of the tenant’s identity provider (`Authorization: Bearer`, with `X-Lanyard-Tenant-Id`) for an agent token.',
  auth: { kind: 'identity', accepts: ['external-token'], permission: null },
  limit: { per: 'identity' },
  audit: ['agent.bootstrapped', 'agent.federated', 'federation.refused', 'token.reused'],
  body: z.strictObject({ jkt: Jkt.optional() }),
  bodyOptional: true,
  status: 200,
  reply: AgentToken,
  errors: [
    'name_invalid',
    'tenant_header_missing',
    'idp_unknown',
    'idp_disabled',
    'idp_unreachable',
    'external_token_invalid',
    'external_token_expired',
    'agent_provenance_conflict',
    'token_reused',
    'lineage_ended',
    'lineage_forked',
    'incarnation_dead',
    'tenant_killed',
    'agent_quarantined',
    'agent_retired',
    'not_ready',
  ],
})
