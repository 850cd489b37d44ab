import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Text } from '../shapes.ts'
import { ON_FEDERATION } from './idps.ts'

const settings = {
  on_federation: z.enum(ON_FEDERATION),
  /** Whether a session by secret needs a client certificate beside it; null: as the server is configured. */
  agent_mtls_required: z.boolean().nullable(),
  /** PEM of the authorities of these certificates, in place of the server's; null: those of the server. */
  agent_mtls_ca: Text.max(32_768).nullable(),
}

export const Admission = z.strictObject({
  tenant: z.string(),
  ...settings,
  /** An identity provider vouches for the agents of this tenant, and we mint none. */
  federation_required: z.boolean(),
  /** Lineages that began internally and go on. */
  internal_lineages: z.int(),
})
export type Admission = z.output<typeof Admission>

const ERRORS = ['name_invalid', 'tenant_unknown'] as const

export const getAdmission = route({
  call: 'GET /v1/tenants/{tenant}/admission',
  summary: 'Show how agents of a tenant get identities: who may vouch, which factors are required.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: Admission,
  errors: [...ERRORS],
})

export const updateAdmission = route({
  call: 'PATCH /v1/tenants/{tenant}/admission',
  summary:
    'Change how agents of a tenant get identities. `on_federation: end` ends at once what began internally, where federation is on.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'tenant.manage' },
  limit: { per: 'identity' },
  audit: ['admission.updated', 'cert.revoked'],
  body: z.strictObject(settings).partial(),
  status: 200,
  reply: Admission,
  errors: [...ERRORS, 'certificate_untrusted'],
})
