import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Grace, KeyPolicy, listOf, Name, page, Time } from '../shapes.ts'

export const Tenant = z.strictObject({
  tenant: z.string(),
  key_policy: KeyPolicy,
  renewal_grace_sec: z.int(),
  created_at: Time,
  updated_at: Time,
})
export type Tenant = z.output<typeof Tenant>

export const createTenant = route({
  call: 'POST /v1/tenants',
  summary: 'Create a tenant.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.manage' },
  limit: { per: 'identity' },
  audit: ['tenant.created'],
  body: z.strictObject({ tenant: Name, key_policy: KeyPolicy.optional(), renewal_grace_sec: Grace.optional() }),
  status: 201,
  reply: Tenant,
  errors: ['name_invalid', 'tenant_exists'],
})

export const listTenants = route({
  call: 'GET /v1/tenants',
  summary: 'List the tenants that the caller may see.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ ...page }),
  status: 200,
  reply: listOf(Tenant),
  errors: ['cursor_invalid'],
})

export const getTenant = route({
  call: 'GET /v1/tenants/{tenant}',
  summary: 'Show a tenant.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: Tenant,
  errors: ['name_invalid', 'tenant_unknown'],
})

export const updateTenant = route({
  call: 'PATCH /v1/tenants/{tenant}',
  summary: 'Change the settings of a tenant.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.manage' },
  // Another key policy touches all entries of the tenant, and tells them to all its nodes once more.
  limit: { per: 'identity', times: 0.06 },
  audit: ['tenant.updated'],
  body: z.strictObject({ key_policy: KeyPolicy.optional(), renewal_grace_sec: Grace.optional() }),
  status: 200,
  reply: Tenant,
  errors: ['name_invalid', 'tenant_unknown'],
})
