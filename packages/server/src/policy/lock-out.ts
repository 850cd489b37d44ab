import { LanyardError, type RouteId, routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { AnyCall } from '../handlers/call.ts'
import { askAll, type HeldSet } from './held.ts'
import { type JudgePorts, questionsOf } from './judge.ts'

/** What whoever changes policies must still be able to do afterwards. */
const KEPT = ['activatePolicies', 'rollBackPolicies'] as const satisfies readonly RouteId[]

/**
 * Throws `policy_locks_out` if the caller could not change the policies of this scope any more, were `next` to decide
 * there; null: nothing does.
 */
export async function requireWayBack(
  ports: JudgePorts,
  { caller, source, requestId }: AnyCall & { readonly caller: Caller },
  tenant: string | null,
  next: HeldSet | null,
): Promise<void> {
  for (const id of KEPT) {
    const names = { tenant: tenant ?? undefined, agent: undefined, parts: { params: {}, query: undefined, body: {} } }
    const questions = await questionsOf(ports, { id, route: routes[id], caller, ...names, source, requestId })
    for (const { about: _, ...question } of questions) {
      const others = ports.policies.activeFor(question.tenant).filter(set => set.texts.tenant !== tenant)
      const concerned = next !== null && (tenant === null || question.tenant === tenant) ? [next] : []
      const { allowed, policies, errors } = askAll([...others, ...concerned], question).decision
      if (!allowed) throw lockedOut(id, policies, errors)
    }
  }
}

function lockedOut(id: RouteId, policies: readonly string[], errors: readonly string[]): LanyardError {
  const [first] = errors
  const by = first ?? (policies.length > 0 ? `denied by ${policies.join(', ')}` : 'no policy permits it')
  return new LanyardError('policy_locks_out', `${id}: ${by.slice(0, 500)}`, { policies })
}
