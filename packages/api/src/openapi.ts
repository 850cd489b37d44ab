import { z } from 'zod'
import { ERRORS, type ErrorCode } from './errors.ts'
import { type CredentialKind, type Route, splitCall } from './route.ts'

type Json = Record<string, unknown>

/** Codes that come with the declaration of a route, beside its own. */
function impliedErrors(route: Route): ErrorCode[] {
  const codes: ErrorCode[] = ['request_invalid', 'query_invalid', 'internal_error', 'proxy_header_untrusted']
  if (route.body !== undefined) {
    codes.push('body_invalid', 'media_type_unsupported', 'body_too_large', 'request_timeout')
  } else codes.push('body_invalid')
  if (route.auth.kind === 'public') return codes
  codes.push(
    'unauthenticated',
    'credential_conflict',
    'tenant_mismatch',
    'store_unavailable',
    'not_ready',
    'instance_evicted',
    'proxy_header_invalid',
    'proxy_forbidden',
    'policy_denied',
    'policy_failed',
  )
  if (route.limit.per === 'identity') codes.push('rate_limited')
  if (route.auth.permission !== null) codes.push('permission_missing')
  if (route.auth.accepts.includes('agent-token')) codes.push('token_expired')
  if (route.auth.accepts.includes('principal')) codes.push(...PRINCIPAL_CODES)
  // A certificate can stand beside any bearer credential, and is judged then too.
  codes.push(...CERTIFICATE_CODES)
  return codes
}

const CERTIFICATE_CODES: readonly ErrorCode[] = [
  'certificate_untrusted',
  'certificate_expired',
  'certificate_revoked',
  'key_killed',
  'tenant_killed',
  'agent_quarantined',
  'agent_retired',
  'incarnation_dead',
  'lineage_forked',
  'lineage_ended',
  'node_unknown',
  'node_banned',
]

/** People and programs are judged by what others say of them, and by the roles that count for the call at hand. */
const PRINCIPAL_CODES: readonly ErrorCode[] = [
  'external_token_invalid',
  'external_token_expired',
  'idp_unreachable',
  'idp_address_forbidden',
  'introspection_failed',
  'principal_unbound',
  'principal_barred',
  'credential_too_old',
  'tenant_ambiguous',
  'agent_not_covered',
  'name_invalid',
]

/** Every code that a call of this route can be refused with. */
export const errorsOf = (route: Route): ErrorCode[] => [...new Set([...route.errors, ...impliedErrors(route)])]

/** The routes as an OpenAPI 3.1 document. */
export function openApi(routes: Readonly<Record<string, Route>>, version = '1'): Json {
  const paths: Record<string, Json> = {}
  for (const [id, route] of Object.entries(routes)) {
    const { method, path } = splitCall(route.call)
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(id, route, path) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Lanyard', version, summary: 'Short-lived SPIFFE identity for AI agents' },
    paths,
    components: { schemas: { Problem: PROBLEM }, securitySchemes: SECURITY_SCHEMES },
  }
}

function operation(id: string, route: Route, path: string): Json {
  return {
    operationId: id,
    summary: route.summary,
    ...(route.auth.kind === 'public'
      ? { description: `Public: ${route.auth.because}.`, security: [] }
      : identity(route)),
    parameters: [...pathParameters(path), ...queryParameters(route)],
    ...(route.body === undefined ? {} : { requestBody: requestBody(route) }),
    responses: { [route.status]: success(route), ...refusals(route) },
  }
}

function identity({ auth }: Route): Json {
  if (auth.kind === 'public') return {}
  const description = auth.permission === null ? 'Any valid credential.' : `Needs \`${auth.permission}\`.`
  return { description, security: auth.accepts.map(kind => ({ [SCHEME_NAMES[kind]]: [] })) }
}

const SCHEME_NAMES = {
  'api-key': 'apiKey',
  'agent-token': 'agentToken',
  'agent-certificate': 'agentCertificate',
  'node-certificate': 'nodeCertificate',
  principal: 'principal',
  'agent-secret': 'agentSecret',
  'external-token': 'externalToken',
} as const satisfies Record<CredentialKind, string>

const SECURITY_SCHEMES: Json = {
  apiKey: { type: 'http', scheme: 'bearer', bearerFormat: 'lanyard_<id>_<secret>' },
  agentToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  agentCertificate: { type: 'mutualTLS', description: "The agent's own X.509-SVID." },
  principal: {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of a configured issuer, JWT or opaque; or a client certificate that is bound to roles.',
  },
  agentSecret: {
    type: 'http',
    scheme: 'Lanyard-Secret',
    description: 'The secret of an agent; with its client certificate where that is required.',
  },
  externalToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token of an identity provider of the tenant in `X-Lanyard-Tenant-Id`.',
  },
  nodeCertificate: { type: 'mutualTLS', description: 'The certificate that a machine got when it attested as a node.' },
}

const PROBLEM: Json = {
  type: 'object',
  description: 'RFC 9457. Some codes carry further members.',
  required: ['type', 'title', 'status', 'code', 'remedy', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
    remedy: { type: 'string' },
    request_id: { type: 'string' },
  },
}

const pathParameters = (path: string) =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))

function queryParameters({ query }: Route): Json[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

const requestBody = ({ body, bodyOptional }: Route) => ({
  required: bodyOptional !== true,
  content: { 'application/json': { schema: schemaOf(body!, 'input') } },
})

function success({ status, reply, media, stream }: Route): Json {
  if (stream)
    return { description: 'Goes on until one side ends it.', content: { [media!]: { schema: { type: 'string' } } } }
  if (status === 204 || reply === undefined) return { description: 'Done.' }
  const description = status === 201 ? 'Made.' : 'As asked.'
  return { description, content: { [media ?? 'application/json']: { schema: schemaOf(reply, 'output') } } }
}

function refusals(route: Route): Json {
  const byStatus: Record<number, ErrorCode[]> = {}
  for (const code of errorsOf(route)) {
    const { status } = ERRORS[code]
    byStatus[status] = [...(byStatus[status] ?? []), code]
  }
  return Object.fromEntries(Object.entries(byStatus).map(([status, codes]) => [status, refusal(codes)]))
}

const refusal = (codes: readonly ErrorCode[]): Json => ({
  description: codes.map(code => `\`${code}\`: ${ERRORS[code].title}.`).join('\n'),
  content: {
    'application/problem+json': {
      schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: codes } } }] },
    },
  },
})

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) as Json
  return json
}
