import type { CompiledSet } from '../compiled-set.ts'
import type { Decision } from '../question.ts'
import type { Case, Cases } from './read.ts'

/** What came of a case. */
export interface CaseResult {
  readonly name: string
  readonly decision: Decision
  /** Why it does not hold; null: it does. */
  readonly failure: string | null
}

/** Asks a set every case. `error` is met by whatever cannot be evaluated; a plain `deny` is not. */
export function runCases(set: CompiledSet, { entities, cases }: Cases): readonly CaseResult[] {
  return cases.map(one => {
    const { principal, action, resource, context } = one
    const decision = set.decide({ principal, action, resource, context, entities })
    return { name: one.name, decision, failure: failureOf(one, decision) }
  })
}

function failureOf({ expect, by }: Case, decision: Decision): string | null {
  const got = outcomeOf(decision)
  if (got !== expect) return `expected ${expect}, got ${got}${reasonOf(decision)}`
  const ids = decision.policies.map(plainId)
  if (by === null || (by.length === ids.length && by.every(id => ids.includes(id)))) return null
  return `expected ${expect} by ${by.join(', ') || 'none'}, got it by ${ids.join(', ') || 'none'}`
}

const outcomeOf = ({ allowed, errors }: Decision) => (errors.length > 0 ? 'error' : allowed ? 'allow' : 'deny')

function reasonOf({ policies, errors }: Decision): string {
  if (errors.length > 0) return `: ${errors.join('; ')}`
  return policies.length > 0 ? ` by ${policies.map(plainId).join(', ')}` : ': no policy permits it'
}

/** `no-kills-at-night` of `acme@3:no-kills-at-night`. */
const plainId = (id: string) => id.slice(id.indexOf(':') + 1)
