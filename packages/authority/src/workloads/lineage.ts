import { LanyardError } from '@lanyard/api'
import { actorOf, type NodeCaller } from '../caller.ts'
import { type Deed, eventOf } from '../event.ts'
import { storeLineage } from '../federation/gate.ts'
import type { AgentState, EntryState, LineageState, Rows, Step } from '../ports.ts'

/** Whether a node opened it for a workload. */
export const isOfNode = ({ mintedBy }: Pick<LineageState, 'mintedBy'>): boolean => mintedBy.startsWith('node:')

/** What links the lineages of one entry on one node; stands where those of agents name their token. */
const nameOf = (node: string, entry: string) => `${node}.${entry}`

/** Whether a lineage is that of this entry on this node. */
export const isFor = ({ jti, tenant }: LineageState, node: NodeCaller, entry: EntryState): boolean =>
  jti === nameOf(node.node, entry.id) && tenant === entry.tenant

/**
 * The lineage of an entry on a node that goes on at `at`; undefined where there is none. Throws `lineage_forked` where
 * too many are frozen for another one to be opened.
 */
export function* openLineageOf(
  rows: Rows,
  node: Pick<NodeCaller, 'node'>,
  entry: EntryState,
  { incarnation }: AgentState,
  at: number,
): Step<LineageState | undefined> {
  const held = yield* rows.lineages.linked({ jti: nameOf(node.node, entry.id) }, entry.tenant, LOOKED_THROUGH)
  const current = held.filter(lineage => at < lineage.endsAt && lineage.incarnation === incarnation)
  const open = current.findLast(({ standing }) => standing === 'open')
  if (open !== undefined || current.length < FROZEN_MOST) return open
  const detail = `${current.length} lineages of this entry on this node are frozen: end them, or ban the node`
  throw new LanyardError('lineage_forked', detail)
}

/** Forks leave frozen ones behind, each with an event. */
const LOOKED_THROUGH = 1000
/**
 * A copy of the node is noticed by the first. Whoever goes on is no copy, but fills the store with what a ban has to
 * end.
 */
const FROZEN_MOST = 20

/** A lineage of an entry on a node, before it is stored. */
export const newLineage = (
  { id, maxLineageSec }: { readonly id: string; readonly maxLineageSec: number },
  node: NodeCaller,
  entry: EntryState,
  { incarnation }: AgentState,
  at: number,
): LineageState => ({
  id,
  tenant: entry.tenant,
  agent: entry.agent,
  incarnation,
  openedAt: at,
  endsAt: at + maxLineageSec * 1000,
  mintedBy: actorOf(node),
  jti: nameOf(node.node, entry.id),
  jkt: null,
  standing: 'open',
  generation: 0,
  newestKey: null,
})

/** Stores a lineage that a node opens, with its event. Throws `federation_required`. */
export function* insertLineage(rows: Rows, lineage: LineageState, entry: string, deed: Deed): Step<void> {
  yield* storeLineage(rows, lineage)
  yield* rows.events.append(eventOf(deed, 'lineage.opened', lineage, { lineage: lineage.id, entry }))
}
