import type { NodeEntry } from '@lanyard/api'
import type { Verdict, Workload } from '../ports.ts'

/** Oldest first; entries of one moment by id, so that all machines agree which identity is the default one. */
export function byAge(a: NodeEntry, b: NodeEntry): number {
  const [x, y] = [Date.parse(a.created_at), Date.parse(b.created_at)]
  if (x !== y) return x - y
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

/** Only a launched main process is given an identity, unless the entry is for every process that matches. */
function isLaunched(workload: Workload, entry: NodeEntry): boolean {
  return entry.children || workload.launchedFor === entry.id || workload.mainOf.length > 0
}

function isExpired(entry: NodeEntry, now: number): boolean {
  // `!(now < …)`, so that a date that is none has passed.
  return entry.expires_at !== null && !(now < Date.parse(entry.expires_at))
}

function judge(workload: Workload, entry: NodeEntry, now: number): Verdict {
  const missing = entry.selectors.filter(selector => !workload.selectors.has(selector))
  // All of none is true of everybody, which nobody means.
  if (missing.length > 0 || entry.selectors.length === 0) return { entry, given: false, code: 'no_identity', missing }
  if (isExpired(entry, now)) return { entry, given: false, code: 'entry_expired', missing }
  if (!isLaunched(workload, entry)) return { entry, given: false, code: 'workload_is_descendant', missing }
  return { entry, given: true }
}

/**
 * One verdict for each entry: those that are given first, and of these the one that the process was launched for, then
 * the oldest. The first identity is the default one: who launches a program as one agent must not get another, because
 * an older entry is for all that match. `now` in Unix milliseconds.
 */
export function match(workload: Workload, entries: Iterable<NodeEntry>, now: number): readonly Verdict[] {
  const rank = ({ entry, given }: Verdict) => (given ? (entry.id === workload.launchedFor ? 0 : 1) : 2)
  const verdicts = [...entries].sort(byAge).map(entry => judge(workload, entry, now))
  return verdicts.toSorted((a, b) => rank(a) - rank(b))
}
