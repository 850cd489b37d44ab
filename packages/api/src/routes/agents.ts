import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Description, Labels, Lifecycle, listOf, Name, Owner, page, Reason, Text, Tier, Time } from '../shapes.ts'

export const Agent = z.strictObject({
  tenant: z.string(),
  agent: z.string(),
  spiffe_id: z.string(),
  tier: Tier,
  lifecycle: Lifecycle,
  /** `internal`, or `federated:<issuer>`. */
  identity_provenance: z.string(),
  /** What its identity provider calls it; null for an agent that was registered here. */
  external_subject: z.string().nullable(),
  owner: z.string(),
  description: z.string(),
  labels: z.record(z.string(), z.string()),
  incarnation: z.int(),
  created_at: Time,
  updated_at: Time,
})
export type Agent = z.output<typeof Agent>

const described = { owner: Owner.optional(), description: Description.optional(), labels: Labels.optional() }

export const createAgent = route({
  call: 'POST /v1/agents',
  summary: 'Register an agent.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.create' },
  limit: { per: 'identity' },
  audit: ['agent.created'],
  body: z.strictObject({ tenant: Name, agent: Name, tier: Tier.optional(), ...described }),
  status: 201,
  reply: Agent,
  errors: ['name_invalid', 'tenant_unknown', 'agent_exists'],
})

export const listAgents = route({
  call: 'GET /v1/agents',
  summary: 'List agents.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({
    tenant: Name.optional(),
    lifecycle: Lifecycle.optional(),
    tier: Tier.optional(),
    /** `internal`, or `federated:` and an issuer. */
    provenance: Text.max(2100).optional(),
    ...page,
  }),
  status: 200,
  reply: listOf(Agent),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})

export const getAgent = route({
  call: 'GET /v1/agents/{tenant}/{agent}',
  summary: 'Show an agent.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: Agent,
  errors: ['name_invalid', 'agent_unknown', 'tenant_unknown'],
})

export const updateAgent = route({
  call: 'PATCH /v1/agents/{tenant}/{agent}',
  summary: 'Change an agent. Setting `quarantined` also needs `agent.kill`, setting `retired` needs `agent.remove`.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.update' },
  limit: { per: 'identity' },
  audit: ['agent.updated', 'agent.quarantined', 'agent.retired'],
  body: z.strictObject({ tier: Tier.optional(), lifecycle: Lifecycle.optional(), ...described }),
  status: 200,
  reply: Agent,
  errors: [
    'name_invalid',
    'agent_unknown',
    'tenant_unknown',
    'agent_quarantined',
    'agent_retired',
    'lifecycle_forbidden',
  ],
})

export const retireAgent = route({
  call: 'DELETE /v1/agents/{tenant}/{agent}',
  summary: 'Retire an agent for ever. Its name never returns.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.remove' },
  limit: { per: 'identity' },
  audit: ['agent.retired'],
  status: 204,
  errors: ['name_invalid', 'agent_unknown', 'tenant_unknown'],
})

export const reinstateAgent = route({
  call: 'POST /v1/agents/{tenant}/{agent}/reinstate',
  summary: 'Let a quarantined agent bootstrap again, in its next incarnation. Nothing old revives.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.reinstate' },
  limit: { per: 'identity' },
  audit: ['agent.reinstated'],
  body: z.strictObject({ reason: Reason.optional() }),
  bodyOptional: true,
  status: 200,
  reply: Agent,
  errors: ['name_invalid', 'agent_unknown', 'tenant_unknown', 'agent_retired', 'lifecycle_forbidden'],
})
