import { z } from 'zod'
import { route } from '../route.ts'

const open = (because: string) => ({ kind: 'public', because }) as const
const unlimited = {
  per: 'none',
  because: 'answered from memory; connections are limited before authentication',
} as const
const quiet = { because: 'public and unchanging; connections are counted' } as const
/** A document whose form another standard defines. */
const Document = z.record(z.string(), z.unknown())

export const getBundle = route({
  call: 'GET /v1/bundle',
  summary: 'The SPIFFE bundle of the trust domain.',
  auth: open('verifiers need the public keys of the trust domain before they can know anyone'),
  limit: unlimited,
  audit: quiet,
  status: 200,
  reply: Document,
  errors: [],
})

export const getJwks = route({
  call: 'GET /v1/jwks',
  summary: 'Public keys of the agent tokens (not of SVIDs: those stand in the bundle).',
  auth: open('whoever relays agent tokens may check them'),
  limit: unlimited,
  audit: quiet,
  status: 200,
  reply: Document,
  errors: [],
})

export const getRootPem = route({
  call: 'GET /v1/root.pem',
  summary: 'The root certificates, in PEM. Compare the fingerprint before you trust them.',
  auth: open('a client that knows the fingerprint fetches its trust anchor here'),
  limit: unlimited,
  audit: quiet,
  status: 200,
  media: 'application/x-pem-file',
  reply: z.string(),
  errors: [],
})

export const getOpenApi = route({
  call: 'GET /openapi.json',
  summary: 'This API, as an OpenAPI 3.1 document.',
  auth: open('it describes the product, not the installation'),
  limit: unlimited,
  audit: quiet,
  status: 200,
  reply: Document,
  errors: [],
})

export const healthz = route({
  call: 'GET /healthz',
  summary: 'The process answers.',
  auth: open('load balancers have no credential'),
  limit: unlimited,
  audit: quiet,
  status: 200,
  reply: z.strictObject({ status: z.literal('ok') }),
  errors: [],
})

export const readyz = route({
  call: 'GET /readyz',
  summary: 'The server can record and sign; 503 while it starts, stops or cannot reach its store.',
  auth: open('load balancers have no credential'),
  limit: unlimited,
  audit: quiet,
  status: 200,
  reply: z.strictObject({ status: z.literal('ready') }),
  errors: ['not_ready'],
})
