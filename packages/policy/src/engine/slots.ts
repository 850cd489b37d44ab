import type { PolicySet } from '@cedar-policy/cedar-wasm/nodejs'
import type { Slice } from '../schema/slices.ts'
import { asked } from './wasm.ts'

/** What the engine keeps ready of a version. */
export interface Prepared {
  readonly policies: PolicySet
}

/** How many versions are ready at once: the engine forgets nothing by itself, so names are used again. */
const SLOTS = 512
/** Parts of schemas, some 30 kB each; versions without a schema of their own share theirs. */
const SCHEMAS = 512

/** Names in the engine, lent in turn: the one that was not used for longest is lent again. */
class Names<Owner> {
  readonly #free: string[]
  /** Least recently used first. */
  readonly #lent = new Map<Owner, string>()

  constructor(prefix: string, most: number) {
    this.#free = Array.from({ length: most }, (_, index) => `${prefix}${index}`)
  }

  /** The owner's name; `prepare` is called where it has none. */
  of(owner: Owner, prepare: (name: string) => void): string {
    const name = this.#lent.get(owner) ?? this.#taken()
    try {
      if (!this.#lent.delete(owner)) prepare(name)
    } catch (error) {
      this.#free.push(name)
      throw error
    }
    this.#lent.set(owner, name)
    return name
  }

  #taken(): string {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const [owner, name] = this.#lent.entries().next().value!
    this.#lent.delete(owner)
    return name
  }
}

let names = fresh(-1)

function fresh(generation: number) {
  return { generation, sets: new Names<Prepared>('set', SLOTS), schemas: new Names<Slice>('schema', SCHEMAS) }
}

/** Names under which the engine has policies and schema ready. Throws when it cannot parse them. */
export function ready(prepared: Prepared, slice: Slice): { readonly set: string; readonly schema: string } {
  return asked((cedar, generation) => {
    if (names.generation !== generation) names = fresh(generation)
    const schema = names.schemas.of(slice, name => expectDone(cedar.preparseSchema(name, slice.schema)))
    const set = names.sets.of(prepared, name => expectDone(cedar.preparsePolicySet(name, prepared.policies)))
    return { set, schema }
  })
}

function expectDone(answer: { type: 'success' } | { type: 'failure'; errors: { message: string }[] }): void {
  if (answer.type === 'failure') throw new TypeError(answer.errors.map(({ message }) => message).join('; '))
}
