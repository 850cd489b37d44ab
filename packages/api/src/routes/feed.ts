import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { listOf, page, Text, Time } from '../shapes.ts'

/** UUID that an enforcement point gives itself at its start. */
export const PointId = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'expected a lower-case UUID')

export const POINT_MODES = ['guarded', 'best_effort'] as const
export type PointMode = (typeof POINT_MODES)[number]

/** What the feed is served as: one compact JWS a line. */
export const FEED_MEDIA = 'application/jsonl'

export const getFeed = route({
  call: 'GET /v1/feed',
  summary: 'Follow deaths and rebirths: one signed line a tick and a death, for as long as the connection lasts.',
  auth: { kind: 'identity', accepts: ['agent-certificate', 'node-certificate', 'api-key'], permission: 'feed.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only; the lease of an enforcement point is told by its enrolment' },
  query: z.strictObject({
    /** The last epoch that the reader has; absent: a full snapshot comes first. */
    since: z.coerce.number().int().min(0).optional(),
    /** The feed that `since` counts in. */
    feed_id: z.string().max(64).optional(),
  }),
  status: 200,
  media: FEED_MEDIA,
  stream: true,
  errors: ['query_invalid'],
})

export const enrolPoint = route({
  call: 'POST /v1/feed/points',
  summary: 'Enrol an enforcement point, or renew its lease; also tells the authority’s time.',
  auth: { kind: 'identity', accepts: ['agent-certificate'], permission: 'feed.enrol' },
  limit: { per: 'identity' },
  audit: ['point.enrolled'],
  body: z.strictObject({
    point: PointId,
    name: Text.max(128).default(''),
    mode: z.enum(POINT_MODES),
    /** Milliseconds without news after which it refuses guarded calls, and further ones that open streams may go on. */
    budget_ms: z.int().min(100).max(3_600_000),
    grace_ms: z.int().min(0).max(3_600_000),
    epoch: z.int().min(0),
    /** Of the newest line, Unix milliseconds; null before the first. */
    as_of: z.int().nullable(),
    offset_ms: z.number().nullable(),
    uncertainty_ms: z.number().min(0).nullable(),
    /** Live connections that it guards. */
    sessions: z.int().min(0),
    /** A feed that fell back or changed since the last call: what it was and what it is. */
    regressed: z.string().max(256).optional(),
  }),
  status: 200,
  reply: z.strictObject({
    point: z.string(),
    leased_until: Time,
    /** Renew after so many milliseconds. */
    renew_after_ms: z.int(),
    /** Unix milliseconds, when the request was read and when the reply was written. */
    received_at: z.int(),
    answered_at: z.int(),
  }),
  errors: ['point_conflict', 'too_many_points'],
})

export const acknowledge = route({
  call: 'POST /v1/feed/acks',
  summary: 'Say that every death up to an epoch is applied. The acknowledgement is signed with the point’s SVID key.',
  auth: { kind: 'identity', accepts: ['agent-certificate'], permission: 'feed.enrol' },
  limit: { per: 'none', because: 'as many as there are deaths; each is checked against the lease of its point' },
  audit: { because: 'kept with the incident that it belongs to' },
  /**
   * Compact JWS (`typ: lanyard-ack+jwt`, `x5c`), see protocol/feed/ack.ts: point, epoch, applied_at, cut, last_accept,
   * clock.
   */
  body: z.strictObject({ ack: z.string().max(32_768) }),
  status: 204,
  errors: ['ack_invalid', 'not_found'],
})

const Point = z.strictObject({
  point: z.string(),
  spiffe_id: z.string(),
  tenant: z.string(),
  name: z.string(),
  mode: z.enum(POINT_MODES),
  budget_ms: z.int(),
  enrolled_at: Time,
  leased_until: Time,
  epoch: z.int(),
  as_of: Time.nullable(),
  offset_ms: z.number().nullable(),
  uncertainty_ms: z.number().nullable(),
  sessions: z.int(),
})
export type Point = z.output<typeof Point>

export const listPoints = route({
  call: 'GET /v1/feed/points',
  summary: 'List enforcement points that hold a lease, or held one within the last hour.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'feed.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ ...page }),
  status: 200,
  reply: listOf(Point),
  errors: ['cursor_invalid'],
})
