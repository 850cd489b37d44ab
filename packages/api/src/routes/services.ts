import { z } from 'zod'
import { route } from '../route.ts'
import { listOf, Name, page, Text, Time } from '../shapes.ts'

const Service = z.strictObject({
  spiffe_id: z.string(),
  tenant: z.string(),
  agent: z.string(),
  url: z.string(),
  since: Time,
  leased_until: Time,
})
export type Service = z.output<typeof Service>

const Url = Text.max(512).regex(
  /^(https|wss|grpcs):\/\/[^\s@/?#]+(\/[^\s?#]*)?$/,
  'expected an https, wss or grpcs URL without user, query and fragment',
)

export const announceService = route({
  call: 'POST /v1/services',
  summary: 'Say where the calling agent serves, or that it goes on serving there.',
  auth: { kind: 'identity', accepts: ['agent-certificate'], permission: 'service.announce' },
  limit: { per: 'identity' },
  audit: ['service.announced'],
  body: z.strictObject({ url: Url }),
  status: 200,
  reply: z.strictObject({ ...Service.shape, renew_after_ms: z.int() }),
  errors: ['too_many_services'],
})

export const withdrawService = route({
  call: 'DELETE /v1/services',
  summary: 'Say that the calling agent serves there no more.',
  auth: { kind: 'identity', accepts: ['agent-certificate'], permission: 'service.announce' },
  limit: { per: 'identity' },
  audit: ['service.withdrawn'],
  query: z.strictObject({ url: Url }),
  status: 204,
  errors: ['not_found'],
})

export const listServices = route({
  call: 'GET /v1/services',
  summary: 'Find where agents serve. An agent finds those of its own tenant.',
  auth: { kind: 'identity', accepts: ['api-key', 'agent-certificate'], permission: 'service.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ spiffe_id: Text.max(2048).optional(), tenant: Name.optional(), ...page }),
  status: 200,
  reply: listOf(Service),
  errors: ['name_invalid', 'cursor_invalid'],
})
