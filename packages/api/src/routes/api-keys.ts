import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { AgentPattern, listOf, Name, page, RateLimit, RoleText, Text, Time } from '../shapes.ts'

const fields = {
  id: z.string(),
  name: z.string(),
  role: z.string(),
  tenant: z.string().nullable(),
  agents: z.string().nullable(),
  rate_limit: z.int().nullable(),
  created_by: z.string(),
  created_at: Time,
  expires_at: Time,
}

export const ApiKey = z.strictObject(fields)
export type ApiKey = z.output<typeof ApiKey>

export const createApiKey = route({
  call: 'POST /v1/api-keys',
  summary: 'Make an API key within the scope and permissions of the caller. The key is shown this once.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'apikey.manage' },
  limit: { per: 'identity' },
  audit: ['apikey.created'],
  body: z.strictObject({
    name: Text.min(1).max(100),
    /** A built-in one, or one of the tenant or of all. */
    role: RoleText,
    tenant: Name.optional(),
    agents: AgentPattern.optional(),
    /** 90 days where none is given; 10 years at most. */
    expires_in_sec: z.int().min(1).max(315_360_000).optional(),
    rate_limit: RateLimit.optional(),
  }),
  status: 201,
  reply: z.strictObject({ ...fields, key: z.string() }),
  errors: ['name_invalid', 'tenant_unknown', 'role_unknown', 'role_too_wide'],
})

export const listApiKeys = route({
  call: 'GET /v1/api-keys',
  summary: 'List API keys, without the keys.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'apikey.manage' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ tenant: Name.optional(), ...page }),
  status: 200,
  reply: listOf(ApiKey),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})

export const deleteApiKey = route({
  call: 'DELETE /v1/api-keys/{id}',
  summary: 'Delete an API key. It is refused from then on.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'apikey.manage' },
  limit: { per: 'identity' },
  audit: ['apikey.revoked'],
  status: 204,
  errors: ['not_found', 'last_admin'],
})
