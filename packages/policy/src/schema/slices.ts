import type { SchemaJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'

/**
 * A schema as the engine can be given it. The same object for the same part, by which the engine's copy is found again.
 */
export interface Slice {
  readonly schema: SchemaJson<string>
}

type Fragment = SchemaJson<string>[string]

/**
 * Parts of a schema, each about one action: the engine copies the schema that it is asked with at every question, and
 * one of all our actions costs more than the decision. What a question can depend on is in its part: every type, the
 * action, what that is in, and what conditions of policies speak of.
 */
export class SchemaSlices {
  readonly #whole: SchemaJson<string>
  readonly #always: readonly TypeAndId[]
  readonly #slices = new Map<string, Slice>()

  /** `always`: actions that conditions mention, wherever they do. */
  constructor(whole: SchemaJson<string>, always: readonly TypeAndId[] = []) {
    this.#whole = whole
    this.#always = always
  }

  /** The part about this action. For one that the schema does not have, the part without any: the engine refuses it. */
  of(action: TypeAndId): Slice {
    const key = this.#find(action) === undefined ? '' : nameOf(action)
    const known = this.#slices.get(key)
    if (known) return known
    const kept = this.#closed([action, ...this.#always])
    const fragments = Object.entries(this.#whole).map(([namespace, fragment]) => [
      namespace,
      withActions(fragment, id => kept.has(nameOf({ type: typeIn(namespace), id }))),
    ])
    const slice: Slice = { schema: Object.fromEntries(fragments) as SchemaJson<string> }
    this.#slices.set(key, slice)
    return slice
  }

  /** With all that they are in. */
  #closed(actions: readonly TypeAndId[]): ReadonlySet<string> {
    const found = new Set<string>()
    const waiting = [...actions]
    for (let action = waiting.pop(); action !== undefined; action = waiting.pop()) {
      const declared = this.#find(action)
      if (declared === undefined || found.has(nameOf(action))) continue
      found.add(nameOf(action))
      const { type } = action
      for (const parent of declared.memberOf ?? []) waiting.push({ type: parent.type ?? type, id: parent.id })
    }
    return found
  }

  #find({ type, id }: TypeAndId): Fragment['actions'][string] | undefined {
    const fragment = this.#whole[namespaceOf(type)]
    return fragment !== undefined && Object.hasOwn(fragment.actions, id) ? fragment.actions[id] : undefined
  }
}

const nameOf = ({ type, id }: TypeAndId) => `${type} ${id}`
const typeIn = (namespace: string) => (namespace === '' ? 'Action' : `${namespace}::Action`)
const namespaceOf = (type: string) => (type === 'Action' ? '' : type.slice(0, -'::Action'.length))

const withActions = (fragment: Fragment, keeps: (id: string) => boolean): Fragment => ({
  ...fragment,
  actions: Object.fromEntries(Object.entries(fragment.actions).filter(([id]) => keeps(id))),
})
