import { LanyardError } from '@lanyard/api'
import type { NodeCaller, WorkloadCaller } from '../caller.ts'
import { isId } from '../names.ts'
import { requireNodeStanding } from '../nodes/standing.ts'
import type { NodeScope, Rows, ServedEntry, Step } from '../ports.ts'
import { isoTime } from '../time.ts'

/**
 * The entry that a node serves, both as they are now. Throws `node_unknown`, `node_banned`, `entry_unknown` also for one
 * of a tenant that the node does not serve, `node_not_parent`, `entry_expired`.
 */
export function* requireServed(rows: Rows, caller: NodeCaller, id: string, at: number): Step<ServedEntry> {
  const node = yield* requireNodeStanding(rows, caller)
  const entry = isId(id) ? yield* rows.entries.served(id, node) : undefined
  if (entry === undefined) throw yield* notServed(rows, node, id)
  if (entry.expiresAt !== null && entry.expiresAt <= at)
    throw new EntryRefusal('entry_expired', `this entry expired at ${isoTime(entry.expiresAt)}`, entry)
  return entry
}

/**
 * The same inside a transaction that records what was made of the entry. Also throws `not_ready` where the entry was changed
 * meanwhile: a name or a life that was just taken out must not come after.
 */
export function* requireStillServed(
  rows: Rows,
  { node, entry, revision }: WorkloadCaller,
  at: number,
): Step<ServedEntry> {
  const served = yield* requireServed(rows, node, entry, at)
  if (served.revision === revision) return served
  throw new LanyardError('not_ready', `entry ${entry} was changed meanwhile`)
}

/** A refusal of an entry that the node may know of, so that an event can name the agent. */
export class EntryRefusal extends LanyardError {
  readonly entry: Pick<ServedEntry, 'tenant' | 'agent' | 'id'>

  constructor(
    code: 'entry_expired' | 'node_not_parent' | 'federation_required',
    detail: string,
    entry: EntryRefusal['entry'],
  ) {
    super(code, detail)
    this.entry = entry
  }
}

// Another tenant's entry is as unknown as one that never was.
function* notServed(rows: Rows, { tenant, name }: NodeScope, id: string): Step<LanyardError> {
  const known = isId(id) ? yield* rows.entries.find(id) : undefined
  if (known !== undefined && (tenant === null || tenant === known.tenant))
    return new EntryRefusal('node_not_parent', `entry ${id} names ${known.parent}, not node ${name}`, known)
  return new LanyardError('entry_unknown', `there is no entry ${id.slice(0, 64)}`)
}
