import { LanyardError } from '@lanyard/api'
import { requireMayServe } from '../access/becoming.ts'
import { type Act, maySee } from '../caller.ts'
import { eventOf } from '../event.ts'
import { takeTold } from '../kill/take.ts'
import { settle, Toll } from '../kill/toll.ts'
import { requireName } from '../names.ts'
import type { NodeState, Rows, Step } from '../ports.ts'
import { VOID } from './standing.ts'

/** The node, if the caller may see it; another's is `not_found`, as if it were not there. */
export function* requireNode(rows: Rows, id: string, { caller }: Pick<Act, 'caller'>): Step<NodeState> {
  const node = yield* rows.nodes.find(id)
  if (node === undefined || !maySee(caller, node.tenant)) throw new LanyardError('not_found', 'there is no such node')
  return node
}

/**
 * Puts a node in other groups: it serves the entries of these from now on. Throws `not_found`, `name_invalid`,
 * `agent_not_covered`, `role_too_wide`.
 */
export function* regroupNode(rows: Rows, id: string, groups: readonly string[], act: Act): Step<NodeState> {
  const before = yield* requireNode(rows, id, act)
  for (const group of groups) requireName('group', group)
  yield* requireMayServe(rows, before.tenant, act)
  const after: NodeState = { ...before, groups: [...new Set(groups)].sort() }
  // Whoever tells nodes looks where the counter of entries has moved.
  yield* rows.entries.bump()
  yield* rows.nodes.update(after)
  const detail = { ...named(after), before: before.groups, after: after.groups }
  yield* rows.events.append(eventOf(act, 'node.updated', after, detail))
  return after
}

/**
 * Cuts a node off at once, for as long as nobody lifts it: it gets nothing more, and what it got for its workloads dies
 * as by a kill. Again without effect. Throws `not_found`.
 */
export function* banNode(rows: Rows, id: string, reason: string, act: Act): Step<NodeState> {
  const before = yield* requireNode(rows, id, act)
  if (before.bannedAt !== null) return before
  const toll = new Toll()
  const after = yield* takeNode(rows, toll, before, reason, act)
  yield* settle(rows, toll, act.at)
  return after
}

/** A ban as a part of an act that settles by itself. */
export function* takeNode(rows: Rows, toll: Toll, node: NodeState, reason: string, act: Act): Step<NodeState> {
  const after: NodeState = { ...node, bannedAt: node.bannedAt ?? act.at, banReason: node.banReason ?? reason }
  yield* rows.nodes.update(after)
  yield* takeWorkloads(rows, toll, after, reason, act)
  yield* rows.events.append(eventOf(act, 'node.banned', after, { ...named(after), reason, ...lossOf(toll) }))
  // Whoever tells nodes looks where the counter of entries has moved.
  yield* rows.entries.bump()
  return after
}

/** Lifts a ban. The key that the node had is void: it must attest again. Throws `not_found`, `lifecycle_forbidden`. */
export function* unbanNode(rows: Rows, id: string, act: Act): Step<NodeState> {
  const before = yield* requireNode(rows, id, act)
  if (before.bannedAt === null) throw new LanyardError('lifecycle_forbidden', 'expected a node that is banned')
  const after: NodeState = { ...before, bannedAt: null, banReason: null, notAfter: VOID }
  yield* rows.nodes.update(after)
  yield* rows.events.append(eventOf(act, 'node.unbanned', after, named(after)))
  return after
}

/**
 * Removes a node, with all that it got for its workloads; it may attest again. A banned one stays, since its row is
 * what keeps it out. Throws `not_found`, `node_banned`.
 */
export function* removeNode(rows: Rows, id: string, act: Act): Step<void> {
  const node = yield* requireNode(rows, id, act)
  if (node.bannedAt !== null) throw new LanyardError('node_banned', 'expected the ban to be lifted first')
  const toll = new Toll()
  yield* rows.nodes.remove(id)
  yield* takeWorkloads(rows, toll, node, 'its node was removed', act)
  yield* rows.events.append(eventOf(act, 'node.evicted', node, { ...named(node), ...lossOf(toll) }))
  yield* rows.entries.bump()
  yield* settle(rows, toll, act.at)
}

const named = ({ node, name }: NodeState) => ({ node, name })
const lossOf = ({ revoked, lineages }: Toll) => ({ revoked, lineages })

/**
 * Ends what the node opened for its workloads, where it is cut off by other means. Their agents lose these, and not
 * their lifecycle; each is told of its own.
 */
export const takeWorkloads = (rows: Rows, toll: Toll, { node }: NodeState, reason: string, act: Act): Step<void> =>
  takeTold(rows, toll, { by: { mintedBy: `node:${node}` }, tenant: null }, reason, act)
