import type { PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { inValue } from './entities.ts'

/** What policies speak of, gathered from all of them: what they do not speak of, they cannot see. */
export interface Mentions {
  /** Entities that stand in them. */
  readonly entities: readonly TypeAndId[]
  /** Names of attributes, of whatever. */
  readonly attributes: ReadonlySet<string>
  /** Some policy looks at the context as one value, as in `context == {}`. */
  readonly wholeContext: boolean
  /** Some policy looks at tags, by a name that may be computed. */
  readonly tags: boolean
}

type Node = { readonly [key: string]: unknown }

/** Looks through policies, in the form that the engine gives them. */
export function mentionsOf(policies: readonly PolicyJson[]): Mentions {
  const found = { attributes: new Set<string>(), wholeContext: false, tags: false }
  const entities = policies.flatMap(policy => inValue(JSON.parse(JSON.stringify(policy))))
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const node = value as Node
    if (node.Var === 'context') found.wholeContext = true
    if ('hasTag' in node || 'getTag' in node) found.tags = true
    for (const [key, child] of Object.entries(node)) {
      if (key === '.' || key === 'has') visitAccess(child as Node)
      else visit(child)
    }
  }
  // What is no access but looks like one, in a literal record, only adds names: too many are safe.
  const visitAccess = (access: Node): void => {
    for (const name of [access?.attr].flat()) if (typeof name === 'string') found.attributes.add(name)
    if (!isContext(access?.left)) visit(access)
  }
  visit(policies)
  return { entities, ...found }
}

const isContext = (value: unknown) =>
  typeof value === 'object' && value !== null && (value as Node).Var === 'context' && Object.keys(value).length === 1
