import { z } from 'zod'

/** RFC 7638 thumbprint of the key that an agent token shall be bound to. */
export const Jkt = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'expected a SHA-256 JWK thumbprint: 43 characters of base64url')

/** What every door to an agent token answers. */
export const AgentToken = z.strictObject({
  token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  spiffe_id: z.string(),
})
