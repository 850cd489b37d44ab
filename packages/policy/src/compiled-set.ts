import type { EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { type Prepared, ready } from './engine/slots.ts'
import { type Asked, actionUid, toAsked } from './engine/values.ts'
import { asked } from './engine/wasm.ts'
import { EntityPool, inValue, keyOf, mentioned } from './entities.ts'
import type { Mentions } from './mentions.ts'
import type { PolicyPart } from './policy-parts.ts'
import type { Decision, PolicyText, Question } from './question.ts'
import { questionKey, recent, remember, type Sight } from './recent.ts'
import type { SchemaSlices } from './schema/slices.ts'

interface SetParts {
  readonly text: PolicyText
  readonly slices: SchemaSlices
  readonly policies: readonly PolicyPart[]
  readonly entities: readonly EntityJson[]
  /** What the policies speak of. */
  readonly mentions: Mentions
  /** Names of attributes of applications that are read as more than texts are. */
  readonly readAsMore: ReadonlySet<string>
  /** Every action of the schema. */
  readonly actions: readonly TypeAndId[]
}

let count = 0

/** A version that was checked and is ready to decide, synchronously and from memory. */
export class CompiledSet {
  readonly text: PolicyText
  readonly #number = count++
  readonly policies: readonly PolicyPart[]
  readonly #names: ReadonlyMap<string, string>
  readonly #prepared: Prepared
  readonly #slices: SchemaSlices
  readonly #pool: EntityPool
  readonly #sight: Sight
  readonly #actions: ReadonlySet<string>

  constructor({ text, slices, policies, entities, mentions, readAsMore, actions }: SetParts) {
    this.text = text
    this.policies = policies
    this.#names = new Map(policies.map(({ engineName, name }) => [engineName, name]))
    this.#prepared = { policies: { staticPolicies: text.policies } }
    this.#slices = slices
    const pool = new EntityPool(entities, mentions.entities)
    this.#pool = pool
    this.#sight = { ...mentions, readAsMore, hasEntity: key => pool.has(key) }
    this.#actions = new Set(actions.map(keyOf))
  }

  /** Has the engine read it now, and not at the first question. Throws what the engine says of what it cannot parse. */
  prepare(): void {
    ready(this.#prepared, this.#slices.of(actionUid('issue')))
  }

  /**
   * Whether its schema has this action. All have what is ours; one of an application is known only where its schema was
   * saved, and no other set can be asked about it.
   */
  declares(action: string): boolean {
    return this.#actions.has(keyOf(actionUid(action)))
  }

  /** Whether any of its policies speaks of an attribute of this name, of whatever. */
  names(attribute: string): boolean {
    return this.#sight.wholeContext || this.#sight.looks.has(attribute)
  }

  /**
   * What the policies say: denied unless one permits and none forbids. What cannot be evaluated, in any policy, is a
   * denial with its reason in `errors`, where Cedar itself would leave that policy out. Never throws.
   */
  decide(question: Question): Decision {
    try {
      const key = questionKey(this.#number, question, this.#sight)
      return recent(key) ?? this.#decided(toAsked(question), key)
    } catch (error) {
      return denied([error instanceof Error ? error.message : String(error)])
    }
  }

  #decided(question: Asked, key: string): Decision {
    const { set, schema } = ready(this.#prepared, this.#slices.of(question.action))
    const answer = asked(cedar =>
      cedar.statefulIsAuthorized({
        ...question,
        entities: [...question.entities, ...this.#reached(question)],
        preparsedPolicySetId: set,
        preparsedSchemaName: schema,
        validateRequest: true,
      }),
    )
    if (answer.type === 'failure') return denied(answer.errors.map(({ message }) => message))
    const { decision, diagnostics } = answer.response
    const policies = diagnostics.reason.map(id => this.#nameOf(id)).toSorted()
    const errors = diagnostics.errors.map(({ policyId, error }) => `${this.#nameOf(policyId)}: ${error.message}`)
    const made = { allowed: decision === 'allow' && errors.length === 0, policies, errors }
    if (errors.length === 0) remember(key, made)
    return made
  }

  #reached({ principal, resource, context, entities }: Asked): EntityJson[] {
    return this.#pool.reached(() => [principal, resource, ...inValue(context), ...entities.flatMap(mentioned)])
  }

  /** `acme@3:no-kills-at-night`; `*` stands for the trust domain. */
  #nameOf(id: string): string {
    const { tenant, version } = this.text
    return `${tenant ?? '*'}@${version}:${this.#names.get(id) ?? id}`
  }
}

const denied = (errors: readonly string[]): Decision => ({ allowed: false, policies: [], errors })
