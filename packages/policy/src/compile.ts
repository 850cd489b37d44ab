import type { DetailedError, SchemaJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { CompiledSet } from './compiled-set.ts'
import { asked } from './engine/wasm.ts'
import { checkEntities, inValue } from './entities.ts'
import { tooMuch } from './limits.ts'
import { mentionsOf } from './mentions.ts'
import { type PolicyPart, partsOf } from './policy-parts.ts'
import { failure, PolicyProblems, type Problem, positionAt, problem, problemOf } from './problems.ts'
import type { PolicyText } from './question.ts'
import { SCHEMA } from './schema/generate.ts'
import { SchemaSlices } from './schema/slices.ts'
import { ACTIONS, NAMESPACE } from './schema/vocabulary.ts'

/**
 * Checks a version whole and makes it ready: its schema together with ours, every policy against both, its entities.
 * Gives a set that decides, or every problem with its place; never throws. The rules are Cedar's strict ones, so that a
 * policy which speaks of what no such call has is a problem when it is saved and not a surprise at night. Takes some
 * 100 ms.
 */
export const compile = (text: PolicyText): CompiledSet | PolicyProblems => attempt(() => checked(text, true))

/**
 * The same for a version that was checked when it was saved: without the check of types, which is what takes long.
 * Cedar decides alike; what has become wrong since, with another schema of ours, is a denial when it is asked.
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
  const { schema, json, actions } = schemaOf(text.schema)
  const policies = partsOf(text.policies)
  if (whole) validate(text.policies, schema, policies)
  const entities = checkEntities(text.entities, whole ? schema : null)
  const mentions = mentionsOf(policies.map(({ json }) => json))
  const slices = slicesOf(json, policies)
  const readAsMore = readAsMoreIn(json)
  const set = new CompiledSet({ text, slices, policies, entities, mentions, readAsMore, actions })
  set.prepare()
  return set
}

function requireModest(text: string, where: 'policies' | 'schema'): void {
  const found = tooMuch(text, where)
  if (found === undefined) return
  const place = positionAt(text, Buffer.byteLength(text.slice(0, found.at)))
  throw new PolicyProblems([{ where, ...place, policy: null, message: found.message }])
}

interface WholeSchema {
  readonly schema: string
  /** Null: ours alone. */
  readonly json: SchemaJson<string> | null
  readonly actions: readonly TypeAndId[]
}

const OURS: WholeSchema = {
  schema: SCHEMA,
  json: null,
  actions: Object.keys(ACTIONS).map(id => ({ type: `${NAMESPACE}::Action`, id })),
}

/** Theirs first, so that places in it stay as they are. */
function schemaOf(text: string): WholeSchema {
  if (text.trim() === '') return OURS
  const schema = `${text}\n${SCHEMA}`
  const whole = asked(cedar => cedar.schemaToJson(schema))
  if (whole.type === 'failure') throw schemaFailure(text, whole.errors)
  requireFewQuestions(whole.json)
  const actions = Object.entries(whole.json).flatMap(([namespace, { actions }]) =>
    Object.keys(actions).map(id => ({ type: namespace === '' ? 'Action' : `${namespace}::Action`, id })),
  )
  return { schema, json: whole.json, actions }
}

const PLAIN = /^(?:__cedar::)?(?:String|Long|Bool)$/

/**
 * Attributes of applications under which a text may be more than one: the engine reads `"10.0.0.1"` as an address where
 * the schema says so, and refuses what is none.
 */
function readAsMoreIn(schema: SchemaJson<string> | null): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { attributes } = value as { readonly attributes?: Readonly<Record<string, { readonly name?: string }>> }
    for (const [name, type] of Object.entries(attributes ?? {})) if (!PLAIN.test(type.name ?? '')) names.add(name)
    for (const child of Object.values(value)) visit(child)
  }
  for (const [namespace, fragment] of Object.entries(schema ?? {})) if (namespace !== NAMESPACE) visit(fragment)
  return names
}

/** Ours in JSON, read once. */
let ours: { readonly json: SchemaJson<string>; readonly slices: SchemaSlices } | null = null

function readOurs() {
  if (ours !== null) return ours
  const whole = asked(cedar => cedar.schemaToJson(SCHEMA))
  if (whole.type === 'failure') throw new TypeError('our schema cannot be read')
  ours = { json: whole.json, slices: new SchemaSlices(whole.json) }
  return ours
}

/** Parts of the schema, shared by all versions that need nothing else than the parts of ours. */
function slicesOf(json: SchemaJson<string> | null, policies: readonly PolicyPart[]): SchemaSlices {
  const spoken = policies.flatMap(({ json: { conditions } }) => inValue(JSON.parse(JSON.stringify(conditions))))
  const actions = spoken.filter(({ type }) => /(?:^|::)Action$/.test(type))
  if (json === null && actions.length === 0) return readOurs().slices
  return new SchemaSlices(json ?? readOurs().json, actions)
}

function schemaFailure(text: string, errors: readonly DetailedError[]): PolicyProblems {
  if (!errors.some(({ message }) => message.includes(`duplicate namespace id: \`${NAMESPACE}\``)))
    return failure('schema', text, errors)
  return problemOf('schema', `the namespace ${NAMESPACE} is taken: declare what is yours in one of your own`)
}

/** Kinds of principal × kinds of resource, over all actions of an application: every policy is checked for each. */
const MAX_QUESTIONS = 1000

function requireFewQuestions(schema: SchemaJson<string>): void {
  const applied = Object.entries(schema)
    .filter(([namespace]) => namespace !== NAMESPACE)
    .flatMap(([, { actions }]) => Object.values(actions).map(({ appliesTo }) => appliesTo))
  const kinds = applied.reduce((sum, to) => sum + (to ? to.principalTypes.length * to.resourceTypes.length : 0), 0)
  if (kinds <= MAX_QUESTIONS) return
  throw problemOf(
    'schema',
    `expected actions of at most ${MAX_QUESTIONS} kinds of principal × kinds of resource, got ${kinds}`,
  )
}

function validate(policies: string, schema: string, parts: readonly PolicyPart[]): void {
  const answer = asked(cedar => cedar.validate({ schema, policies: { staticPolicies: policies } }))
  if (answer.type === 'failure') throw failure('policies', policies, answer.errors)
  // One for each kind of principal, resource and action for which it is so: the first says enough.
  const seen = new Map<string, Problem>()
  for (const { policyId, error } of answer.validationErrors) {
    const name = parts.find(({ engineName }) => engineName === policyId)?.name ?? null
    const found = { ...problem('policies', policies, error), policy: name }
    const place = [name, found.line, found.column].join(' ')
    if (!seen.has(place)) seen.set(place, found)
  }
  if (seen.size > 0) throw new PolicyProblems([...seen.values()])
}
