import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { listOf, Name, page, Reason, Serial, Time } from '../shapes.ts'

/**
 * Caller's own or made by us; whoever names it can ask again after a lost reply. Names are shared by all tenants: one
 * that others can guess may be taken, and the kill is then refused as a conflict.
 */
export const IncidentId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{7,63}$/, 'expected 8 to 64 characters: a-z, 0-9, underscore, hyphen')

/** What an agent's kill takes along. */
export const KILL_SCOPES = ['agent', 'lineage', 'token', 'api-key', 'source'] as const
export const KillScope = z.enum(KILL_SCOPES)
export type KillScope = z.output<typeof KillScope>

/** Evidence of the caller, kept encrypted: its payload, rules that were violated. */
const Evidence = z
  .record(z.string().max(128), z.unknown())
  .refine(value => JSON.stringify(value).length <= 32_768, 'expected at most 32768 characters, as JSON')

const killBody = {
  reason: Reason,
  snapshot: Evidence.optional(),
  /** After so many seconds what can be reinstated is, in its next incarnation. */
  ttl_sec: z.int().min(60).max(31_536_000).optional(),
  incident: IncidentId.optional(),
}

export const Killed = z.strictObject({ incident: z.string(), epoch: z.int(), at: Time })
export type Killed = z.output<typeof Killed>

/** Key thumbprint: RFC 7638, base64url. */
const Thumbprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected the base64url of a SHA-256')

export const killAgent = route({
  call: 'POST /v1/agents/{tenant}/{agent}/kill',
  summary: 'Take an agent’s identity away everywhere. Answered as soon as it is durable; the rest follows.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.kill' },
  limit: { per: 'none', because: 'whoever stops a fleet that runs wild must not be told to wait' },
  audit: ['incident.opened', 'agent.quarantined'],
  body: z.strictObject({ ...killBody, scope: KillScope.default('agent') }),
  status: 202,
  reply: Killed,
  errors: ['name_invalid', 'agent_unknown', 'tenant_unknown', 'agent_retired', 'incident_conflict'],
})

export const killTenant = route({
  call: 'POST /v1/tenants/{tenant}/kill',
  summary: 'Take the identities of all agents of a tenant away.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.kill' },
  limit: { per: 'none', because: 'whoever stops a fleet that runs wild must not be told to wait' },
  audit: ['incident.opened', 'tenant.killed'],
  body: z.strictObject(killBody),
  status: 202,
  reply: Killed,
  errors: ['name_invalid', 'tenant_unknown', 'incident_conflict'],
})

export const killCredential = route({
  call: 'POST /v1/kill',
  summary: 'Take away what one certificate, key, lineage or minting credential stands for.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.kill' },
  limit: { per: 'none', because: 'whoever stops a fleet that runs wild must not be told to wait' },
  audit: [
    'incident.opened',
    'credential.killed',
    'apikey.revoked',
    'binding.deleted',
    'idp.updated',
    'issuer.updated',
    'federation.ended',
    'node.banned',
    'principal.barred',
    'secret.revoked',
    'cert.revoked',
  ],
  body: z
    .strictObject({
      serial: Serial.optional(),
      key_thumbprint: Thumbprint.optional(),
      lineage: Serial.optional(),
      /**
       * `api-key:<id>`, `agent-token:<jti>`, `agent-secret:<id>`, and what is shut out with that: `node:<node>`,
       * `idp:<id>`, `issuer:<id>`, `principal:<id>`.
       */
      minted_by: z
        .string()
        .regex(
          /^(api-key|agent-token|agent-secret|node|idp|issuer|principal):[A-Za-z0-9_-]{1,64}$/,
          'expected api-key:<id>, agent-token:<jti>, agent-secret:<id>, node:<node>, idp:<id>, issuer:<id> or principal:<id>',
        )
        .optional(),
      ...killBody,
    })
    .refine(
      ({ serial, key_thumbprint, lineage, minted_by }) =>
        [serial, key_thumbprint, lineage, minted_by].filter(value => value !== undefined).length === 1,
      'expected exactly one of serial, key_thumbprint, lineage, minted_by',
    ),
  status: 202,
  reply: Killed,
  errors: ['not_found', 'permission_missing', 'incident_conflict'],
})

export const reinstateTenant = route({
  call: 'POST /v1/tenants/{tenant}/reinstate',
  summary: 'Let the agents of a killed tenant bootstrap again, each in its next incarnation.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.kill' },
  limit: { per: 'identity' },
  audit: ['tenant.reinstated', 'agent.reinstated'],
  body: z.strictObject({ reason: Reason }),
  status: 200,
  reply: z.strictObject({ tenant: z.string(), agents: z.int() }),
  errors: ['name_invalid', 'tenant_unknown', 'lifecycle_forbidden'],
})

export const STEPS = ['registry', 'snapshot', 'broadcast', 'notify', 'receipt'] as const
export type StepName = (typeof STEPS)[number]

const Step = z.strictObject({
  step: z.enum(STEPS),
  state: z.enum(['waiting', 'done']),
  /** When it was done, and by which instance. */
  at: Time.nullable(),
  instance: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()),
})

/** How one enforcement point stands to a kill. */
const Acknowledgement = z.strictObject({
  point: z.string(),
  /** Null for a point of another tenant than the incident's. */
  spiffe_id: z.string().nullable(),
  /** `killed`: its own agent is what was killed, and nobody waits for its word. */
  outcome: z.enum(['waiting', 'applied', 'silent', 'best_effort', 'killed']),
  /** In the authority's time. */
  applied_at: Time.nullable(),
  offset_ms: z.number().nullable(),
  uncertainty_ms: z.number().nullable(),
  cut: z.int().nullable(),
  last_accept: Time.nullable(),
  /** `silent`: it refuses guarded calls from then on by itself; null: unbounded. */
  fails_closed_by: Time.nullable(),
})

const IncidentHead = z.strictObject({
  incident: z.string(),
  tenant: z.string().nullable(),
  /** What was killed: `agent` acme/invoice, `tenant` acme, `serial` …. */
  target: z.strictObject({ kind: z.string(), value: z.string() }),
  scope: z.string(),
  reason: z.string(),
  opened_by: z.string(),
  at: Time,
  epoch: z.int(),
  state: z.enum(['open', 'closed']),
  closed_at: Time.nullable(),
  ttl_until: Time.nullable(),
  revoked: z.int(),
  /**
   * Until then a service without a guard may accept what was given out, also what was revoked before; null: nothing.
   */
  unguarded_until: Time.nullable(),
})
export type IncidentHead = z.output<typeof IncidentHead>

export const Incident = z.strictObject({
  ...IncidentHead.shape,
  steps: z.array(Step),
  acknowledgements: z.array(Acknowledgement),
  /** Compact JWS, once signed. */
  receipt: z.string().nullable(),
})
export type Incident = z.output<typeof Incident>

export const listIncidents = route({
  call: 'GET /v1/incidents',
  summary: 'List incidents, newest first.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'incident.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ tenant: Name.optional(), state: z.enum(['open', 'closed']).optional(), ...page }),
  status: 200,
  reply: listOf(IncidentHead),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})

export const getIncident = route({
  call: 'GET /v1/incidents/{incident}',
  summary: 'Show an incident: its steps with their times, the acknowledgements, the receipt.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'incident.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: Incident,
  errors: ['not_found'],
})

export const getIncidentSnapshot = route({
  call: 'GET /v1/incidents/{incident}/snapshot',
  summary: 'Show the forensic snapshot of an incident, decrypted.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'incident.snapshot' },
  limit: { per: 'identity' },
  audit: ['incident.snapshot_read'],
  status: 200,
  reply: z.strictObject({
    incident: z.string(),
    taken_at: Time,
    kept_until: Time,
    snapshot: z.record(z.string(), z.unknown()),
  }),
  errors: ['not_found'],
})
