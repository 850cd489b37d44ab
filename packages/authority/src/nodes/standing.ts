import { LanyardError } from '@lanyard/api'
import type { NodeCaller } from '../caller.ts'
import type { NodeState, Rows, Step } from '../ports.ts'

/**
 * The node as it is now, for a caller that proved its key before. Throws `node_unknown` where it was removed, or is known
 * by another key since, and `node_banned`.
 */
export function* requireNodeStanding(
  rows: Rows,
  { node, keyThumbprint }: Pick<NodeCaller, 'node' | 'keyThumbprint'>,
): Step<NodeState> {
  return requireCountingNode(yield* rows.nodes.find(node), keyThumbprint)
}

/** The node that this key stands for; throws as {@link requireNodeStanding}. */
export function requireCountingNode(state: NodeState | undefined, keyThumbprint: string): NodeState {
  if (state === undefined || state.keyThumbprint !== keyThumbprint)
    throw new LanyardError('node_unknown', 'no node is known by this key any more')
  if (state.bannedAt !== null) throw new LanyardError('node_banned', `node ${state.name} is banned`)
  return state
}
