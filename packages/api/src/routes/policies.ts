import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { listOf, Name, page, Text, Time } from '../shapes.ts'

/** Versions count from 1 in each scope: the trust domain (no tenant), and every tenant. */
const Version = z.coerce.number().int().min(1)
const scope = { tenant: Name.optional() }
const Json = z.record(z.string(), z.unknown())

/** Bytes of policies, schema and entities together; with them stands how long a decision can take. */
const MAX_TEXT = 49_152

/** What is evaluated together. */
export const PolicySet = z.strictObject({
  tenant: z.string().nullable(),
  version: z.int(),
  /** Cedar. */
  policies: z.string(),
  /** Cedar schema of what one's own applications add to ours; empty: nothing. */
  schema: z.string(),
  /** Entities of one's own applications, in Cedar's JSON form. */
  entities: z.array(Json),
})
export type PolicySet = z.output<typeof PolicySet>

export const PolicyVersion = z.strictObject({
  ...PolicySet.shape,
  comment: z.string(),
  state: z.enum(['saved', 'active', 'shadow', 'retired']),
  created_by: z.string(),
  created_at: Time,
  activated_at: Time.nullable(),
})
export type PolicyVersion = z.output<typeof PolicyVersion>

const manage = { kind: 'identity', accepts: MANAGERS, permission: 'policy.manage' } as const
const read = { kind: 'identity', accepts: MANAGERS, permission: 'policy.read' } as const
const ERRORS = ['name_invalid', 'tenant_unknown'] as const

export const savePolicies = route({
  call: 'POST /v1/policies',
  summary:
    'Save a version of the policies of the trust domain, or of a tenant. It is validated, and decides nothing yet.',
  auth: manage,
  limit: { per: 'identity', times: 0.06 },
  audit: ['policy.saved'],
  body: z.strictObject({
    ...scope,
    policies: Text.max(MAX_TEXT),
    schema: Text.max(MAX_TEXT).optional(),
    entities: z.array(Json).max(1000).optional(),
    comment: Text.max(500).optional(),
  }),
  status: 201,
  reply: PolicyVersion,
  errors: [...ERRORS, 'policy_invalid', 'too_many_entries'],
})

export const listPolicies = route({
  call: 'GET /v1/policies',
  summary: 'List the versions of one scope, newest first.',
  auth: read,
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ ...scope, ...page }),
  status: 200,
  reply: listOf(PolicyVersion),
  errors: [...ERRORS, 'cursor_invalid'],
})

export const activatePolicies = route({
  call: 'POST /v1/policies/{version}/activate',
  summary: 'Let a version decide, in place of the one before.',
  auth: manage,
  limit: { per: 'identity' },
  audit: ['policy.activated'],
  body: z.strictObject(scope),
  bodyOptional: true,
  status: 200,
  reply: PolicyVersion,
  errors: [...ERRORS, 'policy_unknown', 'policy_invalid', 'policy_locks_out'],
})

export const rollBackPolicies = route({
  call: 'POST /v1/policies/rollback',
  summary: 'Let the version decide again that decided before; none where there was none.',
  auth: manage,
  limit: { per: 'identity' },
  audit: ['policy.rolled_back'],
  body: z.strictObject(scope),
  bodyOptional: true,
  status: 200,
  reply: z.strictObject({ active: PolicyVersion.nullable() }),
  errors: [...ERRORS, 'policy_unknown', 'policy_locks_out'],
})

export const shadowPolicies = route({
  call: 'POST /v1/policies/{version}/shadow',
  summary: 'Ask a version beside the one that decides, or cease to; it decides nothing.',
  auth: manage,
  limit: { per: 'identity' },
  audit: ['policy.shadowed'],
  body: z.strictObject({ ...scope, on: z.boolean() }),
  status: 200,
  reply: PolicyVersion,
  errors: [...ERRORS, 'policy_unknown', 'policy_invalid', 'lifecycle_forbidden'],
})

const Decision = z.strictObject({
  decision: z.enum(['allow', 'deny']),
  /** Ids of the policies that decided: `acme@3:no-kills-at-night`, by `@id` or by place. */
  policies: z.array(z.string()),
  /** What could not be evaluated: a deny. */
  errors: z.array(z.string()),
})

export const getShadow = route({
  call: 'GET /v1/policies/shadow',
  summary:
    'Show where the version in the shadow differs from the one that decides, on real requests since this instance began.',
  auth: read,
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject(scope),
  status: 200,
  reply: z.strictObject({
    version: z.int(),
    since: Time,
    asked: z.int(),
    differing: z.int(),
    /** The newest, at most 100. */
    examples: z.array(
      z.strictObject({
        at: Time,
        principal: z.string(),
        action: z.string(),
        resource: z.string(),
        active: Decision,
        shadow: Decision,
      }),
    ),
  }),
  errors: [...ERRORS, 'policy_unknown'],
})

export const Question = z.strictObject({
  principal: Text.min(1).max(2048),
  /** A call (`killAgent`), `issue` or `call`. */
  action: Text.min(1).max(128),
  resource: Text.min(1).max(2048),
  context: Json.optional(),
})

export const explainPolicies = route({
  call: 'POST /v1/policies/explain',
  summary:
    'Ask what the policies decide, and which of them. Entities are written as in Cedar: `Lanyard::Agent::"spiffe://…"`.',
  auth: read,
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  body: z.strictObject({
    ...scope,
    ...Question.shape,
    /** The active ones where none is given. */ version: Version.optional(),
  }),
  status: 200,
  reply: z.strictObject({
    ...Decision.shape,
    /** By set: that of the trust domain, that of the tenant; both must allow. */
    sets: z.array(z.strictObject({ tenant: z.string().nullable(), version: z.int(), ...Decision.shape })),
  }),
  errors: [...ERRORS, 'policy_unknown', 'not_found'],
})

export const getAgentPolicies = route({
  call: 'GET /v1/agent/policies',
  summary: 'The policies that concern the calling agent, for its guard to ask locally.',
  auth: { kind: 'identity', accepts: ['agent-certificate'], permission: 'feed.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({
    /** The revision that the caller has: the reply waits until there is another, or for 20 seconds. */
    after: z.coerce.number().int().min(0).optional(),
  }),
  status: 200,
  reply: z.strictObject({
    revision: z.int(),
    /** When this was read from the database. */ as_of: Time,
    sets: z.array(PolicySet),
  }),
  errors: ['store_unavailable'],
})
