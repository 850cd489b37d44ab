import { LanyardError } from '@lanyard/api'
import type { NodeCaller } from '../caller.ts'
import { deadAmong } from '../kill/deaths.ts'
import type { NodeState, Rows, Step } from '../ports.ts'

type Known = Pick<Rows, 'nodes' | 'deaths'>

/**
 * The node as it is now, for a caller that proved its key before. Throws `node_unknown` where it was removed, is known by
 * another key since, its key was killed, or is void since a ban was lifted, and `node_banned`.
 */
export function* requireNodeStanding(
  rows: Known,
  { node, keyThumbprint }: Pick<NodeCaller, 'node' | 'keyThumbprint'>,
): Step<NodeState> {
  return yield* requireCountingNode(rows, yield* rows.nodes.find(node), keyThumbprint)
}

/** The end of a node whose key counts no more, long past: it leaves the name to whoever attests by it. */
export const VOID = 0

/** The node that this key stands for; throws as {@link requireNodeStanding}. */
export function* requireCountingNode(
  rows: Known,
  state: NodeState | undefined,
  keyThumbprint: string,
): Step<NodeState> {
  if (state === undefined || state.keyThumbprint !== keyThumbprint)
    throw new LanyardError('node_unknown', 'no node is known by this key any more')
  if (state.bannedAt !== null) throw new LanyardError('node_banned', `node ${state.name} is banned`)
  // Who asks may not have heard of the ban: a stream that was open all the time, a request under way.
  if (state.notAfter === VOID)
    throw new LanyardError('node_unknown', `the ban of node ${state.name} was lifted: it must attest again`)
  const dead = yield* deadAmong(rows, [['key', keyThumbprint]])
  if (dead.size > 0) throw new LanyardError('node_unknown', `the key of node ${state.name} was killed`)
  return state
}
