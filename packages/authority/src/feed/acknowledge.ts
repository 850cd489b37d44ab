import { LanyardError } from '@lanyard/api'
import type { Ack } from '@lanyard/protocol'
import type { Act, CertificateCaller } from '../caller.ts'
import type { Rows, Step } from '../ports.ts'

/**
 * Keeps an acknowledgement, whose signature and signer were proved. Throws `not_found` for a point that is not the
 * caller's, and `ack_invalid` for an epoch that has not been: nobody says beforehand that a death is applied.
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
