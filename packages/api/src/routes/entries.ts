import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { listOf, Name, page, Text, Time } from '../shapes.ts'

/**
 * `type:kind:value`, printable: `unix:uid:1001`, `docker:label:app:invoice`. Its form is judged by the authority:
 * `selector_invalid`.
 */
export const Selector = Text.min(3).max(512)
/** Where an entry is served: `node:<name>` or `group:<name>`; absent: every node of the tenant. */
export const Parent = z.string().regex(/^(node|group):[a-z0-9][a-z0-9._-]{0,62}$/, 'expected node:NAME or group:NAME')

const Selectors = z.array(Selector).min(1).max(32)
const DnsNames = z.array(z.string().min(1).max(253)).max(16)
const Hint = Text.max(256)
/** Seconds. What the tier of the agent allows is judged by the authority: `ttl_out_of_range`. */
const Ttl = z.int().min(60).max(600)
const FederatesWith = z.array(z.string().min(1).max(255)).max(32)
const Replicas = z.int().min(1).max(1000)

/** What can be set and changed of an entry; null takes a value out. */
const settable = {
  selectors: Selectors.optional(),
  parent: Parent.nullable().optional(),
  x509_ttl_sec: Ttl.nullable().optional(),
  jwt_ttl_sec: Ttl.nullable().optional(),
  dns_names: DnsNames.optional(),
  hint: Hint.nullable().optional(),
  federates_with: FederatesWith.optional(),
  expires_at: Time.nullable().optional(),
  /** Whether every process that matches gets the identity, not only a launched main process. */
  children: z.boolean().optional(),
  /** How many launches of it run at a time. */
  replicas: Replicas.optional(),
}

const Entry = z.strictObject({
  id: z.string(),
  revision: z.int(),
  tenant: z.string(),
  agent: z.string(),
  spiffe_id: z.string(),
  selectors: z.array(z.string()),
  parent: z.string().nullable(),
  x509_ttl_sec: z.int().nullable(),
  jwt_ttl_sec: z.int().nullable(),
  dns_names: z.array(z.string()),
  hint: z.string().nullable(),
  federates_with: z.array(z.string()),
  expires_at: Time.nullable(),
  children: z.boolean(),
  replicas: z.int(),
  created_at: Time,
  updated_at: Time,
})
export type Entry = z.output<typeof Entry>

/** Of an agent, named by tenant and name or by its SPIFFE ID. */
const NewEntry = z
  .strictObject({
    tenant: Name.optional(),
    agent: Name.optional(),
    spiffe_id: z.string().max(2048).optional(),
    ...settable,
    selectors: Selectors,
  })
  .refine(
    // One way alone: who may act on the agent that is named must not act on the one that is meant.
    ({ tenant, agent, spiffe_id }) =>
      spiffe_id === undefined
        ? tenant !== undefined && agent !== undefined
        : tenant === undefined && agent === undefined,
    'expected tenant and agent, or spiffe_id alone',
  )
export type NewEntry = z.output<typeof NewEntry>

const REFUSALS = [
  'name_invalid',
  'selector_invalid',
  'agent_unknown',
  'agent_not_covered',
  'role_too_wide',
  'tenant_unknown',
  'agent_retired',
  'ttl_out_of_range',
  'dns_name_forbidden',
  'entry_exists',
  'too_many_entries',
] as const

export const createEntry = route({
  call: 'POST /v1/entries',
  summary: 'Register which processes on which nodes are an agent.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'entry.manage' },
  limit: { per: 'identity' },
  audit: ['entry.created'],
  body: NewEntry,
  status: 201,
  reply: Entry,
  errors: REFUSALS,
})

export const createEntries = route({
  call: 'POST /v1/entries/batch',
  summary: 'Register many entries in one transaction: all of them or, where one is refused, none.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'entry.manage' },
  limit: { per: 'identity' },
  audit: ['entry.created'],
  body: z.strictObject({ entries: z.array(NewEntry).min(1).max(100) }),
  status: 201,
  reply: z.strictObject({ items: z.array(Entry) }),
  errors: REFUSALS,
})

export const listEntries = route({
  call: 'GET /v1/entries',
  summary: 'List registration entries, oldest first.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'entry.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({
    ...page,
    tenant: Name.optional(),
    agent: Name.optional(),
    parent: Parent.optional(),
    selector: Selector.optional(),
  }),
  status: 200,
  reply: listOf(Entry),
  errors: ['name_invalid', 'tenant_mismatch', 'tenant_unknown', 'cursor_invalid'],
})

export const getEntry = route({
  call: 'GET /v1/entries/{id}',
  summary: 'Show one registration entry.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'entry.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: Entry,
  errors: ['entry_unknown'],
})

export const updateEntry = route({
  call: 'PATCH /v1/entries/{id}',
  summary: 'Change a registration entry. With `revision` only if nobody else changed it since.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'entry.manage' },
  limit: { per: 'identity' },
  audit: ['entry.updated'],
  body: z.strictObject({ ...settable, revision: z.int().optional() }),
  status: 200,
  reply: Entry,
  errors: ['entry_unknown', 'revision_conflict', ...REFUSALS],
})

export const deleteEntry = route({
  call: 'DELETE /v1/entries/{id}',
  summary: 'Delete a registration entry: nodes withdraw what they hold by it.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'entry.manage' },
  limit: { per: 'identity' },
  audit: ['entry.deleted'],
  status: 204,
  errors: ['entry_unknown'],
})
