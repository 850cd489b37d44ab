import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { asked } from './engine/wasm.ts'
import { failure, problemOf } from './problems.ts'

/** What a decision costs grows with each. */
export const MAX_POLICIES = 200

/** One policy of a version. */
export interface PolicyPart {
  /** What the engine calls it. */
  readonly engineName: string
  /** Its `@id`; null: it has none. */
  readonly id: string | null
  /** Its `@id`, else its place: `#3`. */
  readonly name: string
  readonly json: PolicyJson
}

/** The policies of a text, in its order. Throws {@link PolicyProblems}. */
export function partsOf(policies: string): readonly PolicyPart[] {
  const parts = asked(cedar => cedar.policySetTextToParts(policies))
  if (parts.type === 'failure') throw failure('policies', policies, parts.errors)
  if (parts.policy_templates.length > 0) {
    throw problemOf('policies', 'expected policies, got a template: write ?principal and ?resource out')
  }
  const count = parts.policies.length
  if (count > MAX_POLICIES) throw problemOf('policies', `expected at most ${MAX_POLICIES} policies, got ${count}`)
  // They come in the order of the engine's names for them, as texts: policy10 stands before policy2.
  const names = Array.from({ length: count }, (_, index) => `policy${index}`)
  const byName = new Map(names.toSorted().map((name, index) => [name, parts.policies[index]!]))
  const named = names.map((engineName, index) => partOf(policies, byName.get(engineName)!, engineName, index))
  requireDistinct(named.map(({ name }) => name))
  return named
}

function partOf(policies: string, policy: string, engineName: string, index: number): PolicyPart {
  const answer = asked(cedar => cedar.policyToJson(policy))
  if (answer.type === 'failure') throw failure('policies', policies, answer.errors)
  const { json } = answer
  const id = json.annotations?.id ?? null
  return { engineName, id, name: nameOf(id, index), json }
}

const NAME = /^[A-Za-z0-9][\w.-]{0,62}$/

function nameOf(id: string | null, index: number): string {
  if (id === null) return `#${index + 1}`
  if (NAME.test(id)) return id
  throw problemOf('policies', `expected @id of letters, digits, ".", "_", "-", at most 63, got ${JSON.stringify(id)}`)
}

function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw problemOf('policies', `two policies have the id ${twice}`)
}
