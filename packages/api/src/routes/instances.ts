import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Reason, Time } from '../shapes.ts'
import { Killed } from './kill.ts'

const Instance = z.strictObject({
  instance: z.string(),
  state: z.enum(['serving', 'silent', 'evicted']),
  /** The last time that it wrote that it serves. */
  seen_at: Time.nullable(),
  created_at: Time,
  evicted_at: Time.nullable(),
})
export type Instance = z.output<typeof Instance>

export const listInstances = route({
  call: 'GET /v1/instances',
  summary: 'List the instances of the authority.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'instance.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: z.strictObject({ items: z.array(Instance) }),
  errors: [],
})

export const evictInstance = route({
  call: 'POST /v1/instances/{instance}/evict',
  summary: 'Put an instance out of service: what its intermediate signed is dead everywhere.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'instance.evict' },
  limit: { per: 'identity' },
  audit: ['instance.evicted'],
  body: z.strictObject({ reason: Reason }),
  status: 202,
  reply: Killed,
  errors: ['not_found', 'lifecycle_forbidden'],
})
