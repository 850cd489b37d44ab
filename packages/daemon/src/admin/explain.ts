import type { NodeEntry } from '@lanyard/api'
import type { Attestation, HeldProcess } from '../ports.ts'

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
  /** Those that are given first. */
  readonly verdicts: readonly ExplainedVerdict[]
}

export interface ExplainedVerdict {
  readonly entry: string
  readonly spiffe_id: string
  readonly given: boolean
  /** Why not; null: it is given. */
  readonly code: string | null
  /** Selectors of the entry that the process has not. */
  readonly missing: readonly string[]
}

/** Examines a process, which stays its caller's. Throws `workload_gone`, `attestation_failed`. */
export async function explain(
  process: HeldProcess,
  attestation: Attestation,
  entries: Iterable<NodeEntry>,
): Promise<ExplainReply> {
  const workload = await attestation.examine(process)
  const verdicts = attestation.match(workload, entries).map(
    (verdict): ExplainedVerdict => ({
      entry: verdict.entry.id,
      spiffe_id: verdict.entry.spiffe_id,
      given: verdict.given,
      code: verdict.given ? null : verdict.code,
      missing: verdict.given ? [] : verdict.missing,
    }),
  )
  return {
    pid: process.pid,
    uid: process.uid,
    gid: process.gid,
    selectors: [...workload.selectors],
    main_of: workload.mainOf,
    launched_for: workload.launchedFor,
    verdicts,
  }
}
