import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Text } from '../shapes.ts'

// AuthZEN 1.0 lets requests carry members that a server does not know; only the named ones are read. At the top they
// are dropped: a `tenant` or an `agent` there would be taken for what the call is about.
const Properties = z.record(z.string(), z.unknown())
const Entity = z.looseObject({
  type: Text.min(1).max(256),
  id: Text.min(1).max(2048),
  properties: Properties.optional(),
})
const Action = z.looseObject({ name: Text.min(1).max(256), properties: Properties.optional() })
const parts = { subject: Entity, action: Action, resource: Entity, context: Properties.optional() }

/** AuthZEN 1.0, 6.2. `context.reason`: ids of the policies that decided. */
const Decision = z.strictObject({ decision: z.boolean(), context: z.record(z.string(), z.unknown()).optional() })

const auth = { kind: 'identity', accepts: MANAGERS, permission: 'policy.evaluate' } as const

export const evaluate = route({
  call: 'POST /access/v1/evaluation',
  summary:
    'AuthZEN: may this subject do this to this resource? For the tenant in `X-Lanyard-Tenant-Id`, or the caller’s.',
  auth,
  limit: { per: 'identity', times: 10 },
  audit: { because: 'reads only; a policy that fails is told' },
  body: z.object(parts),
  status: 200,
  reply: Decision,
  errors: ['name_invalid'],
})

interface Many {
  readonly evaluations?: readonly unknown[]
}

export const evaluateMany = route({
  call: 'POST /access/v1/evaluations',
  summary:
    'AuthZEN: several questions at once, each with what the request says for all of them. Each counts against the limit.',
  auth,
  // Or a hundred would cost what one does.
  limit: { per: 'identity', times: 10, calls: body => (body as Many).evaluations?.length || 1 },
  audit: { because: 'reads only; a policy that fails is told' },
  body: z.object({
    subject: Entity.optional(),
    action: Action.optional(),
    resource: Entity.optional(),
    context: Properties.optional(),
    evaluations: z
      .array(
        z.looseObject({
          subject: Entity.optional(),
          action: Action.optional(),
          resource: Entity.optional(),
          context: Properties.optional(),
        }),
      )
      .max(100)
      .optional(),
    options: z
      .looseObject({
        evaluations_semantic: z.enum(['execute_all', 'deny_on_first_deny', 'permit_on_first_permit']).optional(),
      })
      .optional(),
  }),
  status: 200,
  /** One decision where the request has no `evaluations`. */
  reply: z.union([z.strictObject({ evaluations: z.array(Decision) }), Decision]),
  errors: ['name_invalid'],
})

export const getAuthzen = route({
  call: 'GET /.well-known/authzen-configuration',
  summary: 'AuthZEN: where this decision point answers.',
  auth: { kind: 'public', because: 'clients find the endpoints by it' },
  limit: { per: 'none', because: 'a constant' },
  audit: { because: 'reads only' },
  status: 200,
  reply: z.strictObject({
    policy_decision_point: z.string(),
    access_evaluation_endpoint: z.string(),
    access_evaluations_endpoint: z.string(),
  }),
  errors: [],
})
