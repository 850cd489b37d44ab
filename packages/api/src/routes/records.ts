import { z } from 'zod'
import { EVENTS, type EventType } from '../events.ts'
import { MANAGERS, route } from '../route.ts'
import { Flag, listOf, Name, page, Serial, Tier, Time } from '../shapes.ts'

export const CertificateRecord = z.strictObject({
  serial: z.string(),
  issuer_key_id: z.string(),
  tenant: z.string(),
  agent: z.string(),
  spiffe_id: z.string(),
  reputation_tier: Tier,
  not_before: Time,
  not_after: Time,
  issued_at: Time,
  alive: z.boolean(),
  revoked_at: Time.nullable(),
  revoked_reason: z.string().nullable(),
  lineage: z.string(),
  generation: z.int(),
  parent: z.string().nullable(),
  minted_by: z.string(),
  incarnation: z.int(),
  key_thumbprint: z.string(),
})
export type CertificateRecord = z.output<typeof CertificateRecord>

export const listCertificates = route({
  call: 'GET /v1/certificates',
  summary: 'List certificates, newest first. `alive`: neither ended, revoked nor of a dead incarnation.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'cert.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({
    tenant: Name.optional(),
    agent: Name.optional(),
    alive: Flag.optional(),
    serial: Serial.optional(),
    ...page,
  }),
  status: 200,
  reply: listOf(CertificateRecord),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})

const EventName = z.enum(Object.keys(EVENTS) as EventType[])

export const EventRecord = z.strictObject({
  id: z.string(),
  at: Time,
  type: EventName,
  outcome: z.enum(['ok', 'refused']),
  tenant: z.string().nullable(),
  agent: z.string().nullable(),
  /** Who did it: `api-key:<id>`, `agent:<spiffe id>`, `server`. */
  actor: z.string(),
  source: z.string().nullable(),
  correlation: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()),
  instance: z.string(),
  chain: z.string(),
  seq: z.int(),
  hash: z.string(),
})
export type EventRecord = z.output<typeof EventRecord>

export const listEvents = route({
  call: 'GET /v1/events',
  summary: 'List audit events, newest first.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'event.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({
    tenant: Name.optional(),
    agent: Name.optional(),
    type: EventName.optional(),
    since: Time.optional(),
    until: Time.optional(),
    ...page,
  }),
  status: 200,
  reply: listOf(EventRecord),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})
