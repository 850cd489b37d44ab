import { ProtocolError } from '../errors.ts'
import { MAX_ACK_BYTES } from './ack.ts'
import { Fields } from './fields.ts'
import type { Receipt, ReceiptPoint } from './types.ts'

/** Most points in a receipt. */
export const MAX_RECEIPT_POINTS = 10_000

const NAMES = [
  'trust_domain',
  'incident',
  'tenant',
  'target',
  'scope',
  'reason',
  'opened_by',
  'feed_id',
  'epoch',
  'commit',
  'closed_at',
  'points',
  'revoked',
  'cut',
  'last_accept',
  'unguarded_until',
] as const

const POINT_NAMES = [
  'point',
  'spiffe_id',
  'outcome',
  'applied_at',
  'offset_ms',
  'uncertainty_ms',
  'cut',
  'last_accept',
  'fails_closed_by',
  'ack',
] as const

/** The members of a receipt's payload. */
export function encodeReceipt(receipt: Receipt): Readonly<Record<(typeof NAMES)[number], unknown>> {
  return {
    trust_domain: receipt.trustDomain,
    incident: receipt.incident,
    tenant: receipt.tenant,
    target: receipt.target,
    scope: receipt.scope,
    reason: receipt.reason,
    opened_by: receipt.openedBy,
    feed_id: receipt.feedId,
    epoch: receipt.epoch,
    commit: receipt.commit,
    closed_at: receipt.closedAt,
    points: receipt.points.map(encodePoint),
    revoked: receipt.revoked,
    cut: receipt.cut,
    last_accept: receipt.lastAccept,
    unguarded_until: receipt.unguardedUntil,
  }
}

function encodePoint(point: ReceiptPoint): Readonly<Record<(typeof POINT_NAMES)[number], unknown>> {
  return {
    point: point.point,
    spiffe_id: point.spiffeId,
    outcome: point.outcome,
    applied_at: point.appliedAt,
    offset_ms: point.offsetMs,
    uncertainty_ms: point.uncertaintyMs,
    cut: point.cut,
    last_accept: point.lastAccept,
    fails_closed_by: point.failsClosedBy,
    ack: point.ack,
  }
}

/** A receipt from its payload. Throws `receipt_invalid`. */
export function parseReceipt(payload: Uint8Array): Receipt {
  const fields = Fields.parse(payload, 'receipt_invalid', 4).only(...NAMES)
  const target = fields.inner('target').only('kind', 'value')
  const commit = fields.inner('commit').only('sent', 'acknowledged')
  const receipt: Receipt = {
    trustDomain: fields.text('trust_domain'),
    incident: fields.label('incident'),
    tenant: fields.textOrNull('tenant'),
    target: { kind: target.label('kind'), value: target.text('value', 2048) },
    scope: fields.label('scope'),
    reason: fields.text('reason', 4096),
    openedBy: fields.text('opened_by', 2048),
    feedId: fields.label('feed_id'),
    epoch: fields.count('epoch'),
    commit: { sent: commit.count('sent'), acknowledged: commit.count('acknowledged') },
    closedAt: fields.count('closed_at'),
    points: fields.each('points', MAX_RECEIPT_POINTS, readPoint),
    revoked: fields.count('revoked'),
    cut: fields.count('cut'),
    lastAccept: fields.countOrNull('last_accept'),
    unguardedUntil: fields.countOrNull('unguarded_until'),
  }
  requireOnce(receipt)
  return receipt
}

function readPoint(fields: Fields): ReceiptPoint {
  fields.only(...POINT_NAMES)
  return {
    point: fields.uuid('point'),
    spiffeId: fields.textOrNull('spiffe_id', 2048),
    outcome: fields.oneOf('outcome', ['applied', 'silent', 'best_effort', 'killed']),
    appliedAt: fields.countOrNull('applied_at'),
    offsetMs: fields.numberOrNull('offset_ms'),
    uncertaintyMs: fields.numberOrNull('uncertainty_ms'),
    cut: fields.countOrNull('cut'),
    lastAccept: fields.countOrNull('last_accept'),
    failsClosedBy: fields.countOrNull('fails_closed_by'),
    ack: fields.textOrNull('ack', MAX_ACK_BYTES),
  }
}

/** A point twice could be counted twice. */
function requireOnce({ points }: Receipt): void {
  if (new Set(points.map(({ point }) => point)).size !== points.length)
    throw new ProtocolError('receipt_invalid', 'expected each point once')
}
