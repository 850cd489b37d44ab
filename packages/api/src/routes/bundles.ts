import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Time } from '../shapes.ts'

const TrustDomain = z.string().min(1).max(255)

const FederatedBundle = z.strictObject({
  trust_domain: z.string(),
  /** The JWK Set, as text. */
  bundle: z.string(),
  updated_at: Time,
})
export type FederatedBundle = z.output<typeof FederatedBundle>

export const setBundle = route({
  call: 'POST /v1/bundles',
  summary: 'Set the bundle of another trust domain, for entries that federate with it.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'bundle.manage' },
  limit: { per: 'identity' },
  audit: ['bundle.set'],
  body: z.strictObject({
    trust_domain: TrustDomain,
    /** The SPIFFE bundle, a JWK Set as text. */
    bundle: z.string().min(2).max(60_000),
  }),
  status: 201,
  reply: FederatedBundle,
  errors: ['bundle_invalid'],
})

export const listBundles = route({
  call: 'GET /v1/bundles',
  summary: 'List the bundles of other trust domains.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'bundle.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: z.strictObject({ items: z.array(FederatedBundle) }),
  errors: [],
})

export const removeBundle = route({
  call: 'DELETE /v1/bundles/{trust_domain}',
  summary: 'Remove the bundle of another trust domain.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'bundle.manage' },
  limit: { per: 'identity' },
  audit: ['bundle.removed'],
  status: 204,
  errors: ['not_found'],
})
