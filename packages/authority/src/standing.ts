import { LanyardError } from '@lanyard/api'
import type { Act } from './caller.ts'
import { requireUnkilledCredential } from './kill/credential.ts'
import { requireAlive, requireOpenLineage } from './liveness.ts'
import { requireNodeStanding } from './nodes/standing.ts'
import type { Rows, Step } from './ports.ts'
import { requireCounting } from './registry/api-keys.ts'

/**
 * Asks inside the transaction of an act whether its caller's credential still counts. It was judged when the head of the
 * request came, and whoever holds the body back could act with a key that has been deleted meanwhile: make another one.
 * Throws `unauthenticated`, for agents what the liveness gate throws, for nodes `node_unknown` and `node_banned`.
 */
export function* requireStanding(rows: Rows, { caller, at }: Act): Step<void> {
  if (caller === 'server') return
  if (caller.kind === 'api-key') {
    requireCounting(yield* rows.apiKeys.find(caller.id), at)
    return
  }
  if (caller.kind === 'node-certificate') {
    yield* requireNodeStanding(rows, caller)
    return
  }
  const subject = yield* rows.lineages.subject(caller.lineage)
  if (!subject) throw new LanyardError('lineage_ended', 'the lineage of this credential is not known')
  requireAlive(subject, caller.incarnation)
  requireOpenLineage(subject, at)
  if (caller.kind === 'agent-certificate') yield* requireUnkilledCredential(rows, caller)
}
