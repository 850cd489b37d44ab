import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'

export const getMetrics = route({
  call: 'GET /metrics',
  summary: 'What this instance measures, in the Prometheus text format; for keys of all tenants.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'metrics.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  media: 'text/plain; version=0.0.4; charset=utf-8',
  reply: z.string(),
  errors: [],
})
