import type { NodeEntry } from '@lanyard/api'
import type { Bundle } from '@lanyard/protocol'
import type { Bundles, NoIdentity, Verdict, WorkloadState } from '../ports.ts'
import type { SlotState } from '../svids/ports.ts'

/** The entries that give something, the default first. */
export const givenIn = (verdicts: readonly Verdict[]): NodeEntry[] =>
  verdicts.flatMap(verdict => (verdict.given ? [verdict.entry] : []))

/** Why nothing is given: the nearest miss says most. */
export function refusalOf(verdicts: readonly Verdict[]): NoIdentity & { readonly kind: 'refused' } {
  const codes = new Set(verdicts.flatMap(verdict => (verdict.given ? [] : [verdict.code])))
  for (const code of ['workload_is_descendant', 'entry_expired'] as const)
    if (codes.has(code)) return { kind: 'refused', code, detail: `no identity issued: ${REASONS[code]}` }
  return { kind: 'refused', code: 'no_identity', detail: 'no identity issued' }
}

const REASONS = {
  workload_is_descendant: 'the process was not launched as the workload',
  entry_expired: 'the registration entry has expired',
}

/** What a process may have, from how its entries stand; null: not all of them are known yet. */
export function stateOf(
  entries: readonly NodeEntry[],
  slotOf: (entry: string) => SlotState,
  bundles: Bundles | null,
): WorkloadState | null {
  const slots = entries.map(entry => slotOf(entry.id))
  if (bundles === null)
    return { kind: 'unavailable', code: 'server_unreachable', detail: 'the authority has not told its bundles' }
  if (slots.some(({ kind }) => kind === 'pending')) return null
  const svids = slots.flatMap(slot => (slot.kind === 'svid' ? [slot.svid] : []))
  if (svids.length > 0) return { kind: 'identities', svids: withOwnHints(svids), bundles: bundlesFor(entries, bundles) }
  const missing = slots.find(({ kind }) => kind === 'unavailable') ?? slots[0]
  if (missing === undefined || missing.kind === 'svid' || missing.kind === 'pending') return null
  return missing.kind === 'unavailable' ? missing : { ...missing, detail: noIdentity(missing) }
}

const noIdentity = ({ detail }: { readonly detail: string }) =>
  detail.includes('no identity issued') ? detail : `no identity issued: ${detail}`

/** Nobody has said what there is. */
export const NOT_KNOWN: NoIdentity = {
  kind: 'unavailable',
  code: 'server_unreachable',
  detail: 'the authority has not told the entries of this node',
}

/** The own bundle, and those of the trust domains that the entries federate with. */
export function bundlesFor(entries: readonly NodeEntry[], { own, federated }: Bundles): Bundles {
  const names = new Set(entries.flatMap(entry => entry.federates_with))
  const chosen = [...names].flatMap((name): [string, Bundle][] => {
    const bundle = federated.get(name)
    return bundle === undefined ? [] : [[name, bundle]]
  })
  return { own, federated: new Map(chosen) }
}

/** Two states with the same text are the same to whoever follows. */
export function keyOf(state: WorkloadState): string {
  if (state.kind !== 'identities') return `${state.kind}:${state.code}:${state.detail}`
  const svids = state.svids.map(({ serial, hint }) => `${serial}/${hint ?? ''}`)
  return `${svids.join(',')}|${bundlesKey(state.bundles)}`
}

export function bundlesKey({ own, federated }: Bundles): string {
  return [own, ...federated.values()].map(textOf).join()
}

const texts = new WeakMap<Bundle, string>()

function textOf(bundle: Bundle): string {
  let text = texts.get(bundle)
  if (text === undefined) {
    text = `${bundle.trustDomain.name}=${bundle.toJson()}`
    texts.set(bundle, text)
  }
  return text
}

/** Hints are unique for a process: the oldest entry, which comes first, keeps one (SPIFFE Workload API, 5.2.1). */
export function withOwnHints<T extends { readonly hint: string | null }>(held: readonly T[]): T[] {
  const taken = new Set<string>()
  return held.map(one => {
    if (one.hint === null || !taken.has(one.hint)) {
      if (one.hint !== null) taken.add(one.hint)
      return one
    }
    return { ...one, hint: null }
  })
}
