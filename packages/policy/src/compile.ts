import type { DetailedError, PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { CompiledSet } from './compiled-set.ts'
import { asked } from './engine/wasm.ts'
import { checkEntities } from './entities.ts'
import { tooMuch } from './limits.ts'
import { mentionsOf } from './mentions.ts'
import { PolicyProblems, type Problem, positionAt } from './problems.ts'
import type { PolicyText } from './question.ts'
import { SCHEMA } from './schema/generate.ts'
import { ACTIONS, NAMESPACE } from './schema/vocabulary.ts'

/** What a decision costs grows with each. */
export const MAX_POLICIES = 200

/**
 * Checks a version whole and makes it ready: its schema together with ours, every policy against both, its entities. Gives
 * a set that decides, or every problem with its place; never throws. The rules are Cedar's strict ones, so that a policy
 * which speaks of what no such call has is a problem when it is saved and not a surprise at night. Takes some 100 ms.
 */
export const compile = (text: PolicyText): CompiledSet | PolicyProblems => attempt(() => checked(text, true))

/**
 * The same for a version that was checked when it was saved: without the check of types, which is what takes long. Cedar
 * decides alike; what has become wrong since, with another schema of ours, is a denial when it is asked.
 */
export const restore = (text: PolicyText): CompiledSet | PolicyProblems => attempt(() => checked(text, false))

function attempt(make: () => CompiledSet): CompiledSet | PolicyProblems {
  try {
    return make()
  } catch (error) {
    if (error instanceof PolicyProblems) return error
    return problemOf('policies', `the engine failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function checked(text: PolicyText, whole: boolean): CompiledSet {
  requireModest(text.schema, 'schema')
  requireModest(text.policies, 'policies')
  const { schema, actions } = schemaOf(text.schema)
  const policies = partsOf(text.policies)
  const names = namesOf(policies)
  if (whole) validate(text.policies, schema, names)
  const entities = checkEntities(text.entities, schema)
  return new CompiledSet({ text, schema, names, entities, mentions: mentionsOf(policies), actions })
}

function requireModest(text: string, where: 'policies' | 'schema'): void {
  const found = tooMuch(text, where)
  if (found === undefined) return
  const place = positionAt(text, Buffer.byteLength(text.slice(0, found.at)))
  throw new PolicyProblems([{ where, ...place, policy: null, message: found.message }])
}

interface WholeSchema {
  readonly schema: string
  readonly actions: readonly TypeAndId[]
}

const OURS: WholeSchema = {
  schema: SCHEMA,
  actions: Object.keys(ACTIONS).map(id => ({ type: `${NAMESPACE}::Action`, id })),
}

/** Theirs first, so that places in it stay as they are. */
function schemaOf(text: string): WholeSchema {
  if (text.trim() === '') return OURS
  const own = asked(cedar => cedar.schemaToJson(text))
  if (own.type === 'success' && Object.hasOwn(own.json, NAMESPACE)) {
    throw problemOf('schema', `the namespace ${NAMESPACE} is taken: declare what is yours in one of your own`)
  }
  const schema = `${text}\n${SCHEMA}`
  const whole = asked(cedar => cedar.schemaToJson(schema))
  if (whole.type === 'failure') throw failure('schema', text, whole.errors)
  const checked = asked(cedar => cedar.checkParseSchema(schema))
  if (checked.type === 'failure') throw failure('schema', text, checked.errors)
  const actions = Object.entries(whole.json).flatMap(([namespace, { actions }]) =>
    Object.keys(actions).map(id => ({ type: namespace === '' ? 'Action' : `${namespace}::Action`, id })),
  )
  return { schema, actions }
}

/** The policies, in the order of the text. */
function partsOf(policies: string): PolicyJson[] {
  const parts = asked(cedar => cedar.policySetTextToParts(policies))
  if (parts.type === 'failure') throw failure('policies', policies, parts.errors)
  if (parts.policy_templates.length > 0) {
    throw problemOf('policies', 'expected policies, got a template: write ?principal and ?resource out')
  }
  const count = parts.policies.length
  if (count > MAX_POLICIES) throw problemOf('policies', `expected at most ${MAX_POLICIES} policies, got ${count}`)
  // They come in the order of the engine's names for them, as texts: policy10 stands before policy2.
  const order = Array.from({ length: count }, (_, index) => `policy${index}`).toSorted()
  const byName = new Map(order.map((name, index) => [name, parts.policies[index]!]))
  return Array.from({ length: count }, (_, index) => jsonOf(policies, byName.get(`policy${index}`)!))
}

function jsonOf(policies: string, policy: string): PolicyJson {
  const answer = asked(cedar => cedar.policyToJson(policy))
  if (answer.type === 'failure') throw failure('policies', policies, answer.errors)
  return answer.json
}

/** What each policy is called, by the engine's own name for it: its `@id`, else its place. */
function namesOf(policies: readonly PolicyJson[]): ReadonlyMap<string, string> {
  const names = policies.map(({ annotations }, index) => nameOf(annotations?.id, index))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw problemOf('policies', `two policies have the id ${twice}`)
  return new Map(names.map((name, index) => [`policy${index}`, name]))
}

const NAME = /^[A-Za-z0-9][\w.-]{0,62}$/

function nameOf(id: string | undefined, index: number): string {
  if (id === undefined) return `#${index + 1}`
  if (NAME.test(id)) return id
  throw problemOf('policies', `expected @id of letters, digits, ".", "_", "-", at most 63, got ${JSON.stringify(id)}`)
}

function validate(policies: string, schema: string, names: ReadonlyMap<string, string>): void {
  const answer = asked(cedar => cedar.validate({ schema, policies: { staticPolicies: policies } }))
  if (answer.type === 'failure') throw failure('policies', policies, answer.errors)
  const problems = answer.validationErrors.map(({ policyId, error }) => ({
    ...problem('policies', policies, error),
    policy: names.get(policyId) ?? null,
  }))
  if (problems.length > 0) throw new PolicyProblems(problems)
}

const problemOf = (where: Problem['where'], message: string) =>
  new PolicyProblems([{ where, line: null, column: null, policy: null, message }])

const failure = (where: Problem['where'], text: string, errors: readonly DetailedError[]) =>
  new PolicyProblems(
    errors.flatMap(error => [error, ...(error.related ?? [])]).map(error => problem(where, text, error)),
  )

function problem(where: Problem['where'], text: string, { message, help, sourceLocations }: DetailedError): Problem {
  const [place] = sourceLocations ?? []
  const inside = place !== undefined && place.start <= Buffer.byteLength(text)
  const said = [message, inside ? place.label : null, help].filter(part => part !== null).join('; ')
  return {
    where,
    ...(inside ? positionAt(text, place.start) : { line: null, column: null }),
    policy: null,
    message: said,
  }
}
