import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Csr, Name, Reason, Serial, Tier, Time } from '../shapes.ts'
import { AgentToken, Jkt } from './agent-token.ts'
import { CSR_REFUSALS } from './csr.ts'

export const bootstrapAgent = route({
  call: 'POST /v1/agent/bootstrap',
  summary: 'Mint an agent token, and open a lineage with it.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'agent.bootstrap' },
  limit: { per: 'identity' },
  audit: ['agent.bootstrapped', 'mint.refused'],
  body: z.strictObject({
    tenant: Name,
    agent: Name,
    jkt: Jkt.optional(),
  }),
  status: 200,
  reply: AgentToken,
  errors: [
    'name_invalid',
    'agent_unknown',
    'tenant_unknown',
    'agent_not_covered',
    'role_too_wide',
    'federation_required',
    'tenant_killed',
    'agent_quarantined',
    'agent_retired',
  ],
})

export const issueCert = route({
  call: 'POST /v1/agent/auth/cert',
  summary:
    'Exchange a CSR for a short-lived certificate: the first with an agent token, each further one with the newest certificate.',
  auth: { kind: 'identity', accepts: ['agent-token', 'agent-certificate'], permission: 'cert.issue' },
  limit: { per: 'identity' },
  audit: ['cert.issued', 'cert.refused', 'agent.activated', 'token.reused', 'lineage.forked'],
  body: z.strictObject({
    /** One PKCS#10 request in PEM. Only its public key is used. */
    csr: Csr,
    ttl_sec: z.int().optional(),
  }),
  status: 201,
  reply: z.strictObject({
    certificate: z.string(),
    chain: z.string(),
    bundle: z.string(),
    spiffe_id: z.string(),
    serial: Serial,
    not_before: Time,
    not_after: Time,
    reputation_tier: Tier,
    validity_sec: z.int(),
    renew_after: Time,
  }),
  errors: [
    ...CSR_REFUSALS,
    'key_reused',
    'ttl_out_of_range',
    'agent_quarantined',
    'agent_retired',
    'incarnation_dead',
    'token_reused',
    'token_key_mismatch',
    'lineage_forked',
    'lineage_ended',
    'certificate_revoked',
    'tenant_killed',
    'key_killed',
    'instance_evicted',
    'store_unavailable',
  ],
})

export const revokeCert = route({
  call: 'POST /v1/agent/auth/revoke',
  summary: 'Revoke a certificate with its lineage, or all that an agent holds. An agent may revoke its own.',
  auth: { kind: 'identity', accepts: [...MANAGERS, 'agent-token', 'agent-certificate'], permission: 'cert.revoke' },
  limit: { per: 'identity' },
  audit: ['cert.revoked'],
  body: z.union([
    z.strictObject({ serial: Serial, reason: Reason }),
    z.strictObject({ tenant: Name, agent: Name, reason: Reason }),
  ]),
  status: 200,
  reply: z.strictObject({ revoked: z.array(Serial) }),
  errors: ['name_invalid', 'not_found', 'agent_unknown', 'tenant_unknown'],
})

export const whoami = route({
  call: 'GET /v1/whoami',
  summary: 'Say who the caller is, by which credential, until when, and what it may do.',
  auth: { kind: 'identity', accepts: [...MANAGERS, 'agent-token', 'agent-certificate'], permission: null },
  limit: { per: 'identity' },
  audit: { because: 'it tells the caller only what it holds already' },
  status: 200,
  reply: z.strictObject({
    kind: z.enum(['api-key', 'principal', 'agent-token', 'agent-certificate']),
    /** Of a principal, how it proved itself: `jwt`, `introspection`, `certificate`, `svid`; null for all else. */
    method: z.string().nullable(),
    /** What gave it which role, where: of a principal alone. */
    grants: z.array(
      z.strictObject({
        role: z.string(),
        tenant: z.string().nullable(),
        agents: z.string().nullable(),
        /** When the role ends; null: it stays. */
        expires_at: Time.nullable(),
      }),
    ),
    id: z.string(),
    name: z.string().nullable(),
    role: z.string(),
    permissions: z.array(z.string()),
    tenant: z.string().nullable(),
    agent: z.string().nullable(),
    spiffe_id: z.string().nullable(),
    /** When the credential ends; of an opaque token whose server names no end, when it is asked again. */
    expires_at: Time,
  }),
  errors: [],
})
