import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Name, Reason, Serial, Time } from '../shapes.ts'
import { AgentToken, Jkt } from './agent-token.ts'

const ERRORS = ['name_invalid', 'tenant_unknown', 'agent_unknown'] as const

/** What everything by the secret of an agent is refused for. */
const SECRET_REFUSALS = [
  'name_invalid',
  'factor_missing',
  'factor_mismatch',
  'factor_untrusted',
  'secret_superseded',
  'secret_revoked',
  'federation_required',
  'tenant_killed',
  'agent_quarantined',
  'agent_retired',
] as const

const AgentSecret = z.strictObject({
  /** Public; `agent-secret:<id>` is what its sessions are minted by. */
  id: z.string(),
  tenant: z.string(),
  agent: z.string(),
  created_at: Time,
  created_by: z.string(),
  /** Of the agent when it was made: a kill ends it with that incarnation. */
  incarnation: z.int(),
})

/** Shown this once. */
const NewSecret = z.strictObject({ ...AgentSecret.shape, secret: z.string() })

export const createSecret = route({
  call: 'POST /v1/agents/{tenant}/{agent}/secret',
  summary: 'Make a secret for an agent, shown this once. The one before ends; its sessions go on.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'secret.manage' },
  limit: { per: 'identity' },
  audit: ['secret.created', 'mint.refused'],
  status: 201,
  reply: NewSecret,
  errors: [
    ...ERRORS,
    'agent_not_covered',
    'role_too_wide',
    'agent_retired',
    'agent_quarantined',
    'tenant_killed',
    'federation_required',
  ],
})

export const getSecret = route({
  call: 'GET /v1/agents/{tenant}/{agent}/secret',
  summary: 'Say which secret an agent has, without the secret.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: AgentSecret,
  errors: [...ERRORS, 'not_found'],
})

export const rotateSecret = route({
  call: 'POST /v1/agents/{tenant}/{agent}/rotate-secret',
  summary:
    'Exchange the secret of an agent (`Authorization: Lanyard-Secret`) for a new one, shown this once; the old one is dead with that.',
  auth: { kind: 'identity', accepts: ['agent-secret'], permission: null },
  limit: { per: 'identity', times: 0.06 },
  audit: ['secret.rotated', 'session.refused'],
  status: 200,
  reply: NewSecret,
  errors: [...SECRET_REFUSALS],
})

export const revokeSecret = route({
  call: 'POST /v1/agents/{tenant}/{agent}/revoke-secret',
  summary:
    'Revoke the secret of an agent at once, with every session that it or those before it opened, live connections included.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'secret.revoke' },
  limit: { per: 'none', because: 'whoever stops a thief must not be told to wait' },
  audit: ['secret.revoked', 'cert.revoked'],
  body: z.strictObject({ reason: Reason }),
  status: 200,
  /** Secrets that counted until now, sessions that ended, certificates that were alive. */
  reply: z.strictObject({ secrets: z.int(), lineages: z.int(), revoked: z.array(Serial) }),
  errors: [...ERRORS],
})

export const openSession = route({
  call: 'POST /v1/agent/session',
  summary:
    'Exchange the secret of an agent (`Authorization: Lanyard-Secret`), and its client certificate where that is required, for an agent token.',
  auth: { kind: 'identity', accepts: ['agent-secret'], permission: null },
  limit: { per: 'identity', times: 0.06 },
  audit: ['agent.bootstrapped', 'session.opened', 'session.refused'],
  body: z.strictObject({ tenant: Name, agent: Name, jkt: Jkt.optional() }),
  status: 200,
  reply: AgentToken,
  errors: [...SECRET_REFUSALS],
})
