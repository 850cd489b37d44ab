import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
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

// Narrower than URLs are: what one reader takes for a host and another for a path sends callers elsewhere, and what is
// not printed as it stands deceives whoever reads a list.
const URL_FORM =
  /^(?:https|wss|grpcs):\/\/(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?<port>[0-9]{1,5}))?(?:\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$/
const hasPort = (url: string) => {
  const port = URL_FORM.exec(url)?.groups?.port
  return port === undefined || (Number(port) > 0 && Number(port) <= 65_535)
}
const Url = Text.max(512)
  .regex(URL_FORM, 'expected an https, wss or grpcs URL of a host in ASCII, without user, query and fragment')
  .refine(hasPort, 'expected a port from 1 to 65535')

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
  auth: { kind: 'identity', accepts: [...MANAGERS, 'agent-certificate'], permission: 'service.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ spiffe_id: Text.max(2048).optional(), tenant: Name.optional(), ...page }),
  status: 200,
  reply: listOf(Service),
  errors: ['name_invalid', 'tenant_unknown', 'cursor_invalid'],
})
