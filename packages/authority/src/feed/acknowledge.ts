import { LanyardError } from '@lanyard/api'
import type { Ack } from '@lanyard/protocol'
import type { Act, CertificateCaller } from '../caller.ts'
import type { Rows, Step } from '../ports.ts'

/** Connections that one acknowledgement tells of at most: the sum over all points must stay a number that JSON carries. */
const CUT_MAX = 1_000_000_000
/** Milliseconds that a clock may be ahead of ours. What a point tells is its own word, but nobody speaks of tomorrow. */
const AHEAD_MS = 60_000

/**
 * Keeps an acknowledgement, whose signature and signer were proved. Throws `not_found` for a point that is not the
 * caller's, and `ack_invalid` for an epoch or a time that has not been: nobody says beforehand that a death is applied. What
 * no open incident waits for is not kept, or whoever acknowledges as fast as it can would fill the store.
 */
export function* acknowledge(
  rows: Rows,
  ack: Ack,
  jws: string,
  act: Act & { readonly caller: CertificateCaller },
): Step<void> {
  const point = yield* rows.points.find(ack.point)
  if (point?.spiffeId !== act.caller.spiffeId)
    throw new LanyardError('not_found', 'there is no such enforcement point of this agent')
  const current = yield* rows.epoch.current()
  if (ack.epoch > current) throw new LanyardError('ack_invalid', `expected an epoch up to ${current}, got ${ack.epoch}`)
  requirePossible(ack, act.at)
  if (!(yield* rows.acks.wanted(ack.point, ack.epoch))) return
  yield* rows.acks.insert({
    point: ack.point,
    epoch: ack.epoch,
    receivedAt: act.at,
    appliedAt: Math.round(ack.appliedAt),
    cut: ack.cut,
    lastAccept: ack.lastAccept === null ? null : Math.round(ack.lastAccept),
    offsetMs: ack.offsetMs,
    uncertaintyMs: ack.uncertaintyMs,
    jws,
  })
}

function requirePossible({ appliedAt, lastAccept, cut }: Ack, now: number): void {
  if (Math.max(appliedAt, lastAccept ?? 0) > now + AHEAD_MS)
    throw new LanyardError('ack_invalid', 'expected applied_at and last_accept not to lie ahead')
  if (cut > CUT_MAX) throw new LanyardError('ack_invalid', `expected cut of at most ${CUT_MAX}, got ${cut}`)
}
