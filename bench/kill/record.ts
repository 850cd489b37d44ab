import { type Certificate, type VerifiedReceipt, verifyReceipt } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { KillTold } from './roles/operator.ts'
import type { Accept, VictimEnd } from './victim.ts'

/** What one kill came to. Milliseconds; moments are monotonic. */
export interface KillRecord {
  readonly incident: string
  /** The commit lies between the two. */
  readonly sentAt: number
  readonly acknowledgedAt: number
  /** From the earliest moment of the commit to the first byte of the last accepted answer; 0 when that came before. */
  readonly lastAcceptMs: number
  /** The same to when the service let that call in. */
  readonly lastAdmitMs: number
  /** Answers that began to arrive after the commit was acknowledged, and calls that were let in after it. */
  readonly acceptsAfter: number
  readonly admitsAfter: number
  /** Of those, on connections made after the first ones were cut. */
  readonly knockedIn: number
  /** To when the operator had the answer. */
  readonly toldMs: number
  /** To when the last point said that it applied it, and to when the receipt was closed. */
  readonly appliedMs: number | null
  readonly closedMs: number
  readonly points: number
  readonly silent: number
  /** Connections of the dead that the services ended, as the dead saw it, and those left open. */
  readonly cut: number
  readonly open: number
  readonly knocks: Readonly<Record<string, number>>
  readonly refused: Readonly<Record<string, number>>
  /** The last accept, for whoever looks for the cause of a late one. */
  readonly last: Accept | null
}

/** A receipt that was verified, acknowledgements and all. @throws ProtocolError as verifyReceipt */
export const readReceipt = (token: string, root: Certificate): VerifiedReceipt =>
  verifyReceipt(token, { roots: [root] }, nodeCrypto)

/** `offset`: from the authority's wall clock to ours. `commitAt`: the commit, where it was seen better than the authority could. */
export function recordOf(
  told: KillTold,
  end: VictimEnd,
  { receipt }: VerifiedReceipt,
  offset: number,
  commitAt: number | null,
): KillRecord {
  const sentAt = commitAt ?? receipt.commit.sent + offset
  // Its clock is cut to whole milliseconds: the acknowledgement was before the end of that one.
  const acknowledgedAt = commitAt ?? receipt.commit.acknowledged + 1 + offset
  const last = end.accepts.reduce<Accept | null>((a, b) => (a && a.firstByteAt > b.firstByteAt ? a : b), null)
  const admitted = Math.max(sentAt, ...end.accepts.map(({ admittedAt }) => admittedAt))
  const applied = receipt.points.flatMap(({ appliedAt }) => (appliedAt === null ? [] : [appliedAt + offset]))
  const after = end.accepts.filter(({ firstByteAt }) => firstByteAt > acknowledgedAt)
  return {
    incident: told.incident,
    sentAt,
    acknowledgedAt,
    lastAcceptMs: Math.max(0, (last?.firstByteAt ?? sentAt) - sentAt),
    lastAdmitMs: admitted - sentAt,
    acceptsAfter: after.length,
    admitsAfter: end.accepts.filter(({ admittedAt }) => admittedAt > acknowledgedAt).length,
    knockedIn: after.filter(({ knocked }) => knocked).length,
    toldMs: told.toldAt - sentAt,
    appliedMs: applied.length === 0 ? null : Math.max(...applied) - sentAt,
    closedMs: receipt.closedAt + offset - sentAt,
    points: receipt.points.length,
    silent: receipt.points.filter(({ outcome }) => outcome === 'silent').length,
    cut: end.cut,
    open: end.open,
    knocks: end.knocks,
    refused: end.refused,
    last,
  }
}
