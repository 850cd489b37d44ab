import type { NodeEntry } from '@lanyard/api'
import type { Attestation, HeldProcess, Verdict } from '../ports.ts'
import type { SlotState } from '../svids/ports.ts'

/** What `POST /explain` answers: which identity a process would get, and for each entry that gives it none, why. */
export interface ExplainReply {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly selectors: readonly string[]
  /** What the platform launched it as. */
  readonly main_of: readonly string[]
  /** Entry that `lanyard run` launched it for. */
  readonly launched_for: string | null
  /** Why this machine has no entry at all to go by; null: it has what the authority told. */
  readonly node: Reason | null
  /** Those that are given first. */
  readonly verdicts: readonly ExplainedVerdict[]
}

interface Reason {
  readonly code: string
  readonly detail: string
}

export interface ExplainedVerdict {
  readonly entry: string
  readonly spiffe_id: string
  readonly given: boolean
  /** Why not; null: it is given. */
  readonly code: string | null
  /** Selectors of the entry that the process has not. */
  readonly missing: readonly string[]
  /** What the authority says of an entry that matches, and yet is not given; null: nothing. */
  readonly detail: string | null
}

/** What to go by. */
export interface Explaining {
  readonly attestation: Attestation
  /** The entries of this node at this moment. */
  readonly entries: () => Iterable<NodeEntry>
  /** How the SVID of an entry stands. */
  readonly stateOf: (entry: string) => SlotState
  /** Why this machine knows of no entries; null: it does. */
  readonly noNode: () => Reason | null
}

/** Examines a process, which stays its caller's. Throws `workload_gone`, `attestation_failed`. */
export async function explain(
  process: HeldProcess,
  { attestation, entries, stateOf, noNode }: Explaining,
): Promise<ExplainReply> {
  const workload = await attestation.examine(process)
  const verdicts = attestation.match(workload, entries()).map(verdict => explained(verdict, stateOf(verdict.entry.id)))
  const node = noNode()
  return {
    pid: process.pid,
    uid: process.uid,
    gid: process.gid,
    selectors: [...workload.selectors],
    main_of: workload.mainOf,
    launched_for: workload.launchedFor,
    node: node && { code: node.code, detail: node.detail },
    verdicts: [...verdicts.filter(({ given }) => given), ...verdicts.filter(({ given }) => !given)],
  }
}

function explained(verdict: Verdict, state: SlotState): ExplainedVerdict {
  const { id: entry, spiffe_id } = verdict.entry
  if (!verdict.given)
    return { entry, spiffe_id, given: false, code: verdict.code, missing: verdict.missing, detail: null }
  // The selectors match; a kill, or an authority that is away, gives it to nobody all the same.
  if (state.kind === 'refused' || state.kind === 'unavailable')
    return { entry, spiffe_id, given: false, code: state.code, missing: [], detail: state.detail }
  return { entry, spiffe_id, given: true, code: null, missing: [], detail: null }
}
