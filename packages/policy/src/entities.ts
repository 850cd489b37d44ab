import type { CedarValueJson, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { asked } from './engine/wasm.ts'
import { tooDeep, tooManyAncestors, unusualText } from './limits.ts'
import { PolicyProblems } from './problems.ts'
import { NAMESPACE } from './schema/vocabulary.ts'

/**
 * Entities of applications, as they stand in a version. Throws {@link PolicyProblems} unless the schema has their types
 * and none of them is ours: what is true of an agent is for the authority to say. Null: they were held against the
 * schema before.
 */
export function checkEntities(entities: readonly unknown[], schema: string | null): readonly EntityJson[] {
  if (entities.length === 0) return []
  if (tooDeep(entities)) throw new PolicyProblems([told('nested too deep')])
  const fault = unusualText(entities)
  if (fault !== undefined) throw new PolicyProblems([told(fault)])
  const answer = asked(cedar => cedar.checkParseEntities({ entities: entities as EntityJson[], schema }))
  if (answer.type === 'failure') throw new PolicyProblems(answer.errors.map(({ message }) => told(message)))
  const read = (entities as EntityJson[]).map(entity => ({ ...entity, uid: plain(entity.uid) }))
  const ours = read.find(({ uid }) => uid.type.startsWith(`${NAMESPACE}::`))
  if (ours)
    throw new PolicyProblems([told(`expected entities of your own types, got ${ours.uid.type}::"${ours.uid.id}"`)])
  const parents = new Map(read.map(({ uid, parents }) => [keyOf(uid), parents.map(parent => keyOf(plain(parent)))]))
  if (tooManyAncestors(parents))
    throw new PolicyProblems([told('expected a flatter hierarchy: too many are in too many')])
  return read
}

const told = (message: string) => ({ where: 'entities', line: null, column: null, policy: null, message }) as const

const plain = (uid: EntityJson['uid']): TypeAndId => ('__entity' in uid ? uid.__entity : uid)

/** The same for the same entity. */
export const keyOf = (uid: TypeAndId) => `${uid.type}::${JSON.stringify(uid.id)}`

/**
 * Those of the entities that a decision can depend on: what can be reached by parents and attributes. The engine reads
 * all that it is given at each question, so a thousand entities would make every decision dear.
 */
export class EntityPool {
  readonly #byKey = new Map<string, EntityJson>()
  /** Those that policies name, with all that these lead to. */
  readonly #named: ReadonlySet<string>

  constructor(entities: readonly EntityJson[], named: Iterable<TypeAndId>) {
    for (const entity of entities) this.#byKey.set(keyOf(plain(entity.uid)), entity)
    this.#named = this.#from([...named])
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  /** What the question's own entities and values lead to, beside what policies name. */
  reached(roots: () => TypeAndId[]): EntityJson[] {
    if (this.#byKey.size === 0) return []
    return [...this.#named.union(this.#from(roots()))].map(key => this.#byKey.get(key)!)
  }

  #from(waiting: TypeAndId[]): Set<string> {
    const reached = new Set<string>()
    for (let uid = waiting.pop(); uid !== undefined; uid = waiting.pop()) {
      const key = keyOf(uid)
      const entity = this.#byKey.get(key)
      if (entity === undefined || reached.has(key)) continue
      reached.add(key)
      waiting.push(...mentioned(entity))
    }
    return reached
  }
}

/** Every entity that an entity's parents, attributes and tags mention. */
export function mentioned({ parents, attrs, tags }: Pick<EntityJson, 'parents' | 'attrs' | 'tags'>): TypeAndId[] {
  return [...parents.map(plain), ...inValue(attrs), ...(tags ? inValue(tags) : [])]
}

/** Every entity in a value. */
export function inValue(value: CedarValueJson | Record<string, CedarValueJson>): TypeAndId[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(inValue)
  const record = value as Record<string, CedarValueJson>
  if ('__entity' in record) return [record.__entity as unknown as TypeAndId]
  // Where the schema says that an attribute is an entity, it may also stand without `__entity`.
  const { type, id } = record
  const plainUid = typeof type === 'string' && typeof id === 'string' ? [{ type, id }] : []
  return [...plainUid, ...Object.values(record).flatMap(inValue)]
}
