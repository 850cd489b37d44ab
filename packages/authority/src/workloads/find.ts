import { LanyardError } from '@lanyard/api'
import { type NodeCaller, VOUCHED, type WorkloadCaller } from '../caller.ts'
import { requireMintable } from '../federation/gate.ts'
import { isId } from '../names.ts'
import type { LineageState, Rows, ServedEntry, Step, Subject } from '../ports.ts'
import { isFor, newLineage, openLineageOf } from './lineage.ts'
import { EntryRefusal, requireServed } from './served.ts'

/** The certificate that a new one follows, as a node names it. */
export interface Followed {
  readonly lineage: string
  readonly serial: string
}

/** What a node asks for, at `at` (Unix ms). */
export interface Sought {
  readonly node: NodeCaller
  readonly entry: string
  /** Null: none, since it is the first or the node has lost it. */
  readonly follows: Followed | null
  readonly at: number
  /** What a lineage would be like that is opened now. */
  readonly fresh: { readonly id: string; readonly maxLineageSec: number }
}

/** What was found to be asked for. */
export interface Found {
  readonly entry: ServedEntry
  readonly subject: Subject
  /** Whether the lineage is still to be opened. */
  readonly opens: boolean
  readonly caller: WorkloadCaller
}

/**
 * The entry with its agent, and the lineage in which the node goes on for it: one for each node and entry, until it is
 * frozen, ended or too old. Only reads. Throws as {@link requireServed}, `lineage_ended`, `lineage_forked`,
 * `federation_required`.
 */
export function* findWorkload(rows: Rows, sought: Sought): Step<Found> {
  const { node, at, follows } = sought
  const entry = yield* requireServed(rows, node, sought.entry, at)
  const living = yield* livingOf(rows, entry)
  const followed = follows === null ? null : yield* followedBy(rows, follows, node, entry)
  const lineage = followed?.lineage ?? (yield* openLineageOf(rows, node, entry, living.agent, at))
  const opens = lineage === undefined
  if (opens) yield* requireMintableFor(rows, entry)
  const subject = { ...living, lineage: lineage ?? newLineage(sought.fresh, node, entry, living.agent, at) }
  return { entry, subject, opens, caller: callerOf(node, entry, subject, followed?.renews ?? null) }
}

/** The tenant of the entry is told, also by a node of all tenants: its provider alone vouches, and we were asked. */
function* requireMintableFor(rows: Rows, entry: ServedEntry): Step<void> {
  try {
    yield* requireMintable(rows, entry.tenant)
  } catch (error) {
    if (!(error instanceof LanyardError) || error.code !== 'federation_required') throw error
    throw new EntryRefusal(error.code, error.message, entry)
  }
}

function* livingOf(rows: Rows, entry: ServedEntry): Step<Pick<Subject, 'tenant' | 'agent'>> {
  const agent = yield* rows.agents.find(entry)
  const tenant = yield* rows.tenants.find(entry.tenant)
  if (agent && tenant) return { agent, tenant }
  throw new LanyardError('entry_unknown', `the agent of entry ${entry.id} is not known`)
}

interface Renewed {
  readonly lineage: LineageState
  readonly renews: NonNullable<WorkloadCaller['renews']>
}

function* followedBy(
  rows: Rows,
  { lineage: id, serial }: Followed,
  node: NodeCaller,
  entry: ServedEntry,
): Step<Renewed> {
  const certificate = isId(serial) ? yield* rows.certificates.findBySerial(serial, entry.tenant) : undefined
  const lineage = certificate?.lineage === id ? (yield* rows.lineages.subject(id))?.lineage : undefined
  if (certificate && lineage && isFor(lineage, node, entry))
    return { lineage, renews: { issuerKeyId: certificate.issuerKeyId, serial } }
  throw new LanyardError('lineage_ended', 'expected a certificate that this node got for this entry')
}

const callerOf = (
  node: NodeCaller,
  entry: ServedEntry,
  { agent, lineage }: Subject,
  renews: WorkloadCaller['renews'],
): WorkloadCaller => ({
  kind: 'workload',
  tenant: agent.tenant,
  agent: agent.agent,
  spiffeId: agent.spiffeId,
  permissions: VOUCHED,
  lineage: lineage.id,
  incarnation: lineage.incarnation,
  // The node vouches for as long as it is one.
  expiresAt: node.expiresAt,
  node,
  entry: entry.id,
  revision: entry.revision,
  renews,
})
